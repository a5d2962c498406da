// The types of Attune's API. `python -m scripts.api_types` writes this file from openapi.json.

/** What is asked about a file. */
export type AnalysisKind = "emotion" | "mood" | "profile";

/** Whether an emotion is sure enough to act on. */
export type AnswerStatus = "success" | "low_confidence";

/** The answer to what the autopilot suggests. */
export interface AnswerSuggestion {
  /** Play it, or not. */
  yes: boolean;
}

export interface Body_emotion_v1_emotion_post {
  /** Sound files of any format; the field may be repeated. */
  files: Array<Blob>;
}

export interface Body_mood_v1_mood_post {
  /** Sound files of any format; the field may be repeated. */
  files: Array<Blob>;
}

export interface Body_predict_emotion_predict_emotion__post {
  file: Blob;
}

export interface Body_profile_v1_profile_post {
  /** Sound files of any format; the field may be repeated. */
  files: Array<Blob>;
}

export interface Body_submit_v1_jobs_post {
  /** A sound file of any format. */
  file: Blob;
}

export interface Body_upload_api_music_analyze_upload_post {
  file: Blob;
}

/** Where music comes out. */
export interface ChooseDevice {
  /** Name of a device; empty for whichever is active. */
  name: string;
}

/** Which player plays, and what the autopilot may do; what is left out stays as it is. */
export interface ChoosePlayer {
  /** Which player plays; kept for the next time. */
  player?: PlayerKind | null;
  /** What the autopilot may do; kept for the next time. */
  mode?: Mode | null;
}

/** Whether the player can play. */
export interface ConnectionReport {
  /** Whether it can. */
  state: ConnectionState;
  /** One sentence for people; may be empty. */
  message: string;
  /** Until when it lasts, as Unix time in seconds, where known. */
  until_s: number | null;
}

/** Whether a player can play. */
export type ConnectionState = "disconnected" | "connected" | "degraded" | "rate limited" | "quota exceeded" | "sign in again";

/** What plays, for people, too. */
export type ContentKind = "music" | "podcast" | "audiobook" | "advert" | "unknown";

/** What the gate made of a reading. */
export type DecisionKind = "accepted" | "unsure" | "no speech";

/**
 * Where on the plane a voice is: one of four corners, or only its upper or lower half.
 *
 * The axes are arousal and valence of Russell, "A circumplex model of affect", Journal of Personality
 * and Social Psychology 39(6), 1980.
 */
export type Direction = "lively and pleasant" | "lively and unpleasant" | "quiet and pleasant" | "quiet and unpleasant" | "lively" | "quiet";

/**
 * One of the eight emotions of RAVDESS, in its code order 01..08.
 *
 * Source: Livingstone and Russo, "The Ryerson Audio-Visual Database of Emotional Speech and
 * Song (RAVDESS)", PLoS ONE 13(5), 2018.
 */
export type Emotion = "neutral" | "calm" | "happy" | "sad" | "angry" | "fearful" | "disgust" | "surprised";

/** A whole recording. */
export interface EmotionClip {
  /** Name of the file. */
  file: string;
  /** Whether the emotion is accepted or unsure, or there is no speech. */
  kind: DecisionKind;
  /** The likeliest emotion, however unsure; null without speech. */
  emotion: Emotion | null;
  /** Its probability; 0 without speech. */
  confidence: number;
  /** They sum to 1; null without speech. */
  probabilities: Record<string, number> | null;
  /** Null without speech, or where the model does not know. */
  energy: EnergyAnswer | null;
  /** Null as `energy` is. */
  pleasantness: PleasantnessAnswer | null;
  /** Where on the plane the accepted statements lie; null where the energy is unsure. */
  direction: Direction | null;
  /** Mood of the music for the emotion; null without speech. */
  music_mood: string | null;
  /** Whether the emotion is sure enough to act on. */
  status: AnswerStatus;
  /** One sentence on why it is not; null where it is. */
  warning: string | null;
  /** What was wrong with the recording but survived; empty if nothing. */
  notice: string;
  /** Two for each second of sound; null where not asked for. */
  windows: Array<EmotionWindow> | null;
}

/** The emotions that are told apart. */
export interface EmotionList {
  /** In the order of all lists of probabilities. */
  emotions: Array<Emotion>;
  /** How many. */
  count: number;
}

/** A recording, in the fields of the API of "AI Music Mood Detection". */
export interface EmotionPrediction {
  /** The likeliest emotion, however unsure; null without speech. */
  emotion: Emotion | null;
  /** Its probability; 0 without speech. */
  confidence: number;
  /** Mood of the music for the emotion; null without speech. */
  music_mood: string | null;
  /** They sum to 1; null without speech. */
  all_probabilities: Record<string, number> | null;
  /** Whether the emotion is sure enough to act on. */
  status: AnswerStatus;
  /** Why it is not, or what was wrong with the sound; else null. */
  warning: string | null;
}

/** A row for each file, in the order in which they came. */
export interface EmotionRows {
  /** An answer, or why there is none. */
  files: Array<EmotionClip | FileError>;
}

/** Three seconds of a recording. */
export interface EmotionWindow {
  /** End of the window, in seconds since the beginning. */
  time_s: number;
  /** What the gate made of the voice so far. */
  kind: DecisionKind;
  /** The accepted emotion; null where none is. */
  emotion: Emotion | null;
  /** The likeliest emotion; null without speech. */
  leading: Emotion | null;
  /** Its smoothed probability; 0 without speech. */
  confidence: number;
  /** How much of the window is speech. */
  speech_share: number;
  /** Music plays, and no voice stands out from it. */
  only_music: boolean;
  /** Of the window alone, summing to 1; null without speech. */
  probabilities: Record<string, number> | null;
  /** Null without speech, or where the model does not know. */
  energy: EnergyAnswer | null;
  /** Null as `energy` is. */
  pleasantness: PleasantnessAnswer | null;
  /** Where on the plane the accepted statements lie. */
  direction: Direction | null;
  /** Whether the accepted emotion differs from the one before. */
  changed: boolean;
  /** One sentence on why it was decided so. */
  reason: string;
  /** From the arrival of its last sample to its answer, in milliseconds. */
  latency_ms: number;
}

/** How lively a voice is. */
export interface EnergyAnswer {
  /** What is sure; null where neither is. */
  accepted: "lively" | "quiet" | null;
  /** Probability of the likelier side, or of the accepted. */
  confidence: number;
  /** Probability that the voice is lively. */
  p_lively: number;
}

/** What is wrong with one part of a request. */
export interface FieldProblem {
  /** Where, for example query.limit. */
  location: string;
  /** What is wrong with it. */
  message: string;
}

/** A file that nothing can be said of. */
export interface FileError {
  /** Name of the file. */
  file: string;
  /** One sentence: what is wrong with it, and what to do. */
  error: string;
}

/** Events were missed: too many came since the id that was named, or the server was started anew. */
export interface GapEvent {
  type?: "gap";
  /** How many are lost; null where that is not known. */
  missed: number | null;
}

/** That the server answers. */
export interface Health {
  /** Always ok: anything else is a problem. */
  status: "ok";
  /** The version of Attune. */
  version: string;
}

/** All jobs that are known. */
export interface JobList {
  /** The oldest first. */
  jobs: Array<JobStatus>;
}

/** What became of a job. */
export type JobState = "waiting" | "working" | "done" | "failed" | "cancelled";

/** A job at one moment. */
export interface JobStatus {
  /** Names the job from now on; nobody can guess it. */
  id: string;
  /** What was asked. */
  kind: AnalysisKind;
  /** Name of the file. */
  file: string;
  /** What became of it. */
  state: JobState;
  /** Share that is done; null where the file does not say how long it is. */
  progress: number | null;
  /** Jobs that come first; null once it no longer waits. */
  jobs_ahead: number | null;
  /** Why there is no result; empty where there is one, or none yet. */
  message: string;
  /** When it came, UTC. */
  created_at: string;
  /** When it is forgotten, UTC; null before it is over. */
  expires_at: string | null;
  /** Where its result is; null before it is done. */
  result_path: string | null;
}

/** The key of a track. */
export interface KeyAnswer {
  /** Such as C#. */
  tonic: string;
  /** Major or minor. */
  mode: "major" | "minor";
  /** Chance that both are right. */
  confidence: number;
}

/** One answer of several that were possible. */
export interface LabelPrediction {
  /** The likeliest. */
  label: string;
  /** Its probability. */
  confidence: number;
  /** Of all labels; null where not known. */
  allProbabilities: Record<string, number> | null;
}

/** A genre or an instrument. */
export interface LabelProbability {
  /** As MTG-Jamendo names it. */
  label: string;
  /** That it fits. */
  probability: number;
}

/** How loud the newest sound is. */
export interface LevelState {
  /** Level, in dB relative to full scale; -120 is silence. */
  rms_dbfs: number;
  /** Highest sample, in dB relative to full scale. */
  peak_dbfs: number;
  /** Samples reached full scale within the last second. */
  clipping: boolean;
  /** Nothing but zeros: a muted or forbidden microphone. */
  digital_silence: boolean;
}

/** The listener at one moment. */
export interface ListenerSnapshot {
  /** What it is doing. */
  state: ListenerState;
  /** Whether sound is being taken in: show a visible sign. */
  listening: boolean;
  /** One sentence on why it is so; empty where all is as asked. */
  message: string;
  /** When a pause ends, as Unix time in seconds; null: when somebody resumes. */
  resumes_at_s: number | null;
  /** What is listened to; null where nothing is. */
  source: SourceState | null;
  /** Seconds of sound since the source started. */
  time_s: number;
  level: LevelState;
  /** The newest window; null before the first. */
  window: EmotionWindow | null;
  /** Null before the first window. */
  sustained: SustainedState | null;
  /** The music of the last 10 s; null where none is known. */
  mood: MusicMoodState | null;
  /** Windows since the source started. */
  windows: number;
  /** Those overtaken by a newer one, because the machine is busy. */
  dropped_windows: number;
  /** One sentence on each thing that cannot be used just now. */
  problems: Array<string>;
  /** The newest 20, oldest first. */
  notices: Array<NoticeState>;
}

/** What the listener is doing. */
export type ListenerState = "stopped" | "paused" | "starting" | "listening" | "device lost" | "finished" | "failed";

/** What the autopilot may do. */
export type Mode = "off" | "suggest" | "auto";

/** A row for each file, in the order in which they came. */
export interface MoodRows {
  /** An answer, or why there is none. */
  files: Array<MusicMood | FileError>;
}

/** A track, in the fields of the "Music Classification API". */
export interface MusicAnalysis {
  /** Name of the file. */
  fileName: string;
  /** What is said of it. */
  predictions: MusicPredictions;
  /** In milliseconds. */
  processingTimeMs: number;
  /** What is known of the sound itself. */
  metadata: TrackMetadata;
  /** One sentence for each thing that is wrong or not known. */
  warnings: Array<string>;
}

/** What this part of the API can do. */
export interface MusicApiInfo {
  /** Of this program. */
  name: string;
  /** Of this program. */
  version: string;
  /** What it is. */
  description: string;
  /** Its addresses. */
  endpoints: Record<string, string>;
  /** Of files; what counts is their content. */
  supported_formats: Array<string>;
  /** What can be answered here. */
  features: Record<string, boolean>;
}

/** Health, in the fields of the "Music Classification API". */
export interface MusicHealth {
  /** Whether the models can be used. */
  status: "healthy" | "unhealthy";
  /** UTC, ISO 8601. */
  timestamp: string;
  /** Health of the parts. */
  services: Record<string, string>;
  /** The version of Attune. */
  version: string;
}

/** A moment of music: one patch, with the 5 s around it. */
export interface MusicMoment {
  /** Its start, in seconds since the beginning. */
  start_s: number;
  /** Its end, in seconds since the beginning. */
  end_s: number;
  /** The likeliest tags; empty without music. */
  tags: Array<TagProbability>;
  /** Weights of the eight moods, summing to 1; empty without music. */
  moods: Record<string, number>;
  /** How much of what sounds is music, 0 to 1; null where silent. */
  music_share: number | null;
  /** What is heard. */
  shares: SoundShares;
  /** How pleasant, -1 to 1; only in profiles. */
  valence?: number | null;
  /** How lively, -1 to 1; only in profiles. */
  arousal?: number | null;
}

/** Mood of a file. */
export interface MusicMood {
  /** Name of the file. */
  file: string;
  /** Its length, in seconds. */
  duration_s: number;
  /** Whether all of it is silent. */
  silent: boolean;
  /** Whether enough of it is music for a mood. */
  music: boolean;
  /** How much of what sounds is music. */
  music_share: number;
  /** What is heard, on average. */
  shares: SoundShares;
  /** One sentence for each problem that was tolerated. */
  notices: Array<string>;
  /** The likeliest tags of the whole; empty without music. */
  theme: Array<TagProbability>;
  /** Weights of the eight moods, summing to 1; empty without music. */
  moods: Record<string, number>;
  /** Place of the whole on the plane. */
  plane: MusicPlace;
  /** Every 0.96 s; null where not asked for. */
  timeline?: Array<MusicMoment> | null;
}

/** The music of the last seconds. */
export interface MusicMoodState {
  /** How far it looks back, in seconds. */
  seconds: number;
  /** The likeliest mood tags and their probabilities. */
  tags: Record<string, number>;
  /** Place among all music, -1 quiet to 1 lively. */
  energy: number | null;
  /** Place among all music, -1 unpleasant to 1 pleasant. */
  pleasantness: number | null;
  /** How much of what sounds is music, 0 to 1. */
  music_share: number | null;
}

/** Place on the plane, relative to the music of MTG-Jamendo; both null without music. */
export interface MusicPlace {
  /** 0: as pleasant as the middle track. */
  pleasantness?: number | null;
  /** 0: as lively as the middle track. */
  energy?: number | null;
}

/** What was asked of music; what is not known is null, and a warning says why. */
export interface MusicPredictions {
  /** The likeliest genre. */
  genre: LabelPrediction | null;
  /** The leading of the eight moods, with its weight. */
  mood: LabelPrediction | null;
  /** Tempo. */
  bpm: TempoPrediction | null;
  /** Such as C# minor. */
  key: LabelPrediction | null;
}

/** All that is told of a track; what is not known is null or empty, and a notice says why. */
export interface MusicProfile {
  /** Name of the file. */
  file: string;
  /** As the file says; else empty. */
  title: string;
  /** As the file says; else empty. */
  artist: string;
  /** Its length, in seconds. */
  duration_s: number;
  /** Integrated loudness (ITU-R BS.1770), in LUFS. */
  loudness_lufs: number | null;
  /** Null without a pulse, and without the extra `analysis`. */
  tempo: TempoAnswer | null;
  /** Null without music, and without the extra `analysis`. */
  key: KeyAnswer | null;
  /** The likeliest genres. */
  genres: Array<LabelProbability>;
  /** The likeliest instruments. */
  instruments: Array<LabelProbability>;
  /** The nine of the Geneva Emotional Music Scale, 0 to 1 each. */
  emotions: Record<string, number>;
  /** How pleasant, -1 to 1. */
  valence: number | null;
  /** How lively, -1 to 1. */
  arousal: number | null;
  /** The likeliest tags; empty without music. */
  theme: Array<TagProbability>;
  /** Weights of the eight moods, summing to 1; empty without music. */
  moods: Record<string, number>;
  /** Whether all of it is silent. */
  silent: boolean;
  /** Whether enough of it is music. */
  music: boolean;
  /** How much of what sounds is music. */
  music_share: number;
  /** What is heard, on average. */
  shares: SoundShares;
  /** From the file to the profile, in seconds. */
  processing_s: number;
  /** One sentence for each thing that is wrong or not known. */
  notices: Array<string>;
  /** Each beat, in seconds since the beginning; null where not asked for. */
  beats_s?: Array<number> | null;
  /** Every 0.96 s; null where not asked for. */
  timeline?: Array<MusicMoment> | null;
}

/** Something happened to the music. */
export interface MusicRecordEvent {
  type?: "music";
  /** What happened. */
  music: RecordKind;
  /** When, as Unix time in seconds. */
  at_s: number;
  /** The emotion that it follows, if it does. */
  emotion: Emotion | null;
  /** The place on the plane that it follows, if it does. */
  direction: Direction | null;
  /** Name of the playlist that it is about. */
  playlist: string | null;
  /** One sentence for people. */
  reason: string;
  /** How the player ended it; null where none was asked. */
  outcome: OutcomeKind | null;
}

/** Something is said in words: a device is lost, a voice is too quiet, a broker is gone. */
export interface NoticeEvent {
  /** What it is about. */
  kind: NoticeKind;
  /** What is over with it; null where nothing is. */
  ends: NoticeKind | null;
  /** How much it matters. */
  severity: Severity;
  /** One sentence for people, or a few. */
  message: string;
  /** When, as Unix time in seconds. */
  at_s: number;
  /** When, in seconds of sound since the source started. */
  time_s: number;
  type?: "notice";
}

/** What a notice is about, for programs; of a pair, the second says that the first is over. */
export type NoticeKind = "device lost" | "device back" | "only zeros" | "sound back" | "clipping" | "clipping over" | "quiet voice" | "voice loud enough" | "channels" | "sound lost" | "sound complete" | "windows dropped" | "windows complete" | "recording" | "mood problem" | "mood back" | "voice problem" | "voice back" | "journal problem" | "journal back" | "journal" | "player problem" | "player back" | "music problem" | "music back" | "home problem" | "home back" | "call on" | "call off" | "stopped" | "finished" | "failed";

/** Something that was said in words. */
export interface NoticeState {
  /** What it is about. */
  kind: NoticeKind;
  /** What is over with it; null where nothing is. */
  ends: NoticeKind | null;
  /** How much it matters. */
  severity: Severity;
  /** One sentence for people, or a few. */
  message: string;
  /** When, as Unix time in seconds. */
  at_s: number;
  /** When, in seconds of sound since the source started. */
  time_s: number;
}

/** How a command ended. */
export type OutcomeKind = "done" | "nothing to do" | "not connected" | "sign in again" | "premium required" | "app lapsed" | "forbidden" | "no device" | "rate limited" | "quota exceeded" | "gone" | "changed meanwhile" | "empty" | "unreachable" | "failed";

/** How a command ended. */
export interface OutcomeReport {
  /** Done, or nothing to do; anything else is a problem. */
  outcome: OutcomeKind;
  /** One sentence for people; may be empty. */
  message: string;
}

/** Where music can come out. */
export interface OutputState {
  /** Its name: what `POST /v1/player/device` takes. */
  name: string;
  /** It is the one in use. */
  active: boolean;
  /** 0 to 1; null where it cannot be set. */
  volume: number | null;
}

/** For how long to pause. */
export interface PauseListening {
  /** From now on, in seconds; null until somebody resumes. */
  duration_s?: number | null;
}

/** What keeps the autopilot from changing the music just now, if anything does. */
export type Phase = "off" | "ready" | "holding" | "switching" | "cooling down" | "overridden" | "quiet hours" | "on a call" | "not listening" | "player unable";

/** What to play. */
export interface PlayPlaylist {
  /** Address of a playlist that `GET /v1/player` lists. */
  uri: string;
}

/** Which player it is; also the scheme that the addresses of its playlists begin with. */
export type PlayerKind = "spotify" | "local" | "system" | "dry-run";

/** The music at one moment. */
export interface PlayerState {
  /** Which player is in use. */
  player: PlayerKind;
  /** Whether it can play. */
  connection: ConnectionReport;
  /** Whether music is coming out, as far as is known. */
  playing: boolean;
  /** What is playing or paused; null where nothing is. */
  track: PlayingTrackState | null;
  /** What it comes from, where that is listed. */
  playlist: PlaylistState | null;
  /** Where it comes out. */
  device: string | null;
  /** 0 to 1; null where it cannot be set. */
  volume: number | null;
  /** All that can be played. */
  playlists: Array<PlaylistState>;
  /** Where music can come out. */
  devices: Array<OutputState>;
  mode: Mode;
  /** What keeps the autopilot from changing the music, if anything does. */
  phase: Phase;
  /** One sentence on that. */
  message: string;
  /** When it ends by itself, as Unix time in seconds, where known. */
  until_s: number | null;
  /** What waits for an answer. */
  suggestion: SuggestionState | null;
  /** A switch of the autopilot can be taken back. */
  can_undo: boolean;
  /** The autopilot waits for something that a person can end. */
  can_resume: boolean;
  /** A call is on, and the autopilot leaves the music alone. */
  on_call: boolean;
  /** One sentence on what is wrong besides; else empty. */
  problem: string;
  /** The newest 20 things that happened, newest first. */
  records: Array<MusicRecordEvent>;
}

/** What is playing or paused. */
export interface PlayingTrackState {
  /** Its title. */
  title: string;
  /** Whose it is; empty where that is not known. */
  artist: string;
  /** Its length, in seconds. */
  duration_s: number | null;
  /** How far it had got, in seconds. */
  position_s: number | null;
  /** Music, or something spoken. */
  kind: ContentKind;
}

/** Something that can be played. */
export interface PlaylistState {
  /** Its address: what `POST /v1/player/play` takes. */
  uri: string;
  /** Its name, for people. */
  name: string;
  /** How many it holds; null where that is not known. */
  tracks: number | null;
  /** The user's own, or one that they follow. */
  owned: boolean;
}

/** How pleasant a voice is. */
export interface PleasantnessAnswer {
  /** What is sure; null where neither is. */
  accepted: "pleasant" | "unpleasant" | null;
  /** Probability of the likelier side, or of the accepted. */
  confidence: number;
  /** Probability that the voice is pleasant. */
  p_pleasant: number;
}

/** Problem details, RFC 9457. */
export interface ProblemDetails {
  /** Always about:blank: the title says it. */
  type?: string;
  /** The kind of problem. */
  title: string;
  /** The HTTP status. */
  status: number;
  /** One sentence: what happened, and what to do. */
  detail: string;
  /** The id of the request, as in the header X-Request-ID and the log. */
  request_id: string;
  /** With status 422: what is wrong, part by part; at most 20 parts. */
  errors?: Array<FieldProblem> | null;
}

/** A row for each file, in the order in which they came. */
export interface ProfileRows {
  /** An answer, or why there is none. */
  files: Array<MusicProfile | FileError>;
}

/** What happened to the music. */
export type RecordKind = "switched" | "suggested" | "held back" | "failed" | "user" | "undone";

/** How one sample is written, little-endian. */
export type SampleFormat = "float32" | "int16";

/** Health, in the fields of the API of "AI Music Mood Detection". */
export interface ServiceStatus {
  /** Always running: anything else is a problem. */
  status: "running";
  /** What this is. */
  service: string;
  /** Whether the emotion model can be used. */
  model_loaded: boolean;
  /** What it runs on. */
  device: string;
  /** The version of Attune. */
  version: string;
}

/** How loud. */
export interface SetVolume {
  /** 0 silent to 1 full. */
  volume: number;
}

/** How much a notice matters. */
export type Severity = "info" | "warning" | "error";

/** Mean scores of what is heard; they are independent, and no probabilities. */
export interface SoundShares {
  /** Music or an instrument. */
  music: number;
  /** Speech. */
  speech: number;
  /** Singing. */
  singing: number;
  /** Silence. */
  silence: number;
}

/** Where sound comes from. */
export type SourceKind = "mic" | "system" | "file" | "demo" | "push";

/** What is listened to. */
export interface SourceState {
  /** Which sort of source. */
  kind: SourceKind;
  /** Name of the device or the file, for people. */
  name: string;
  /** Host API of the device; empty where there is none. */
  host_api: string;
  /** Its own sample rate, in Hz. */
  rate_hz: number;
  /** How many channels it has. */
  channels: number;
  /** Its length, in seconds; null for what has no end. */
  duration_s: number | null;
}

/** What to listen to. */
export interface StartListening {
  /** A microphone, what the machine plays, or the built-in demo. */
  source?: "mic" | "system" | "demo";
  /** Name of the device, as `attune devices` lists it. */
  device?: string | null;
  /** Host API of a microphone, where its name is ambiguous. */
  host_api?: string | null;
}

/** How many streams there are. */
export interface StreamPlaces {
  /** Streams that are open. */
  open: number;
  /** Streams at a time that keep their pace on this machine. */
  capacity: number;
}

/** A playlist that waits for a yes. */
export interface SuggestionState {
  /** Which. */
  playlist: PlaylistState;
  /** The emotion that leads to it, if one does. */
  emotion: Emotion | null;
  /** The place on the plane that leads to it, if one does. */
  direction: Direction | null;
  /** One sentence for people. */
  reason: string;
}

/** What the last half minute of voice adds up to. */
export interface SustainedState {
  /** Null where none is sure. */
  emotion: Emotion | null;
  /** Voice that it rests on, in seconds. */
  voice_s: number;
}

/** One of the 59 mood and theme tags. */
export interface TagProbability {
  /** As MTG-Jamendo names it. */
  tag: string;
  /** That the tag fits. */
  probability: number;
}

/** How fast music is. */
export interface TempoAnswer {
  /** Beats a minute. */
  bpm: number;
  /** Below 90, below 120, or from 120 on. */
  category: "slow" | "moderate" | "fast";
  /** Chance that it is right to 4 %, not its half or double. */
  confidence: number;
  /** Half of it. */
  half_bpm: number | null;
  /** Twice as much. */
  double_bpm: number | null;
  /** How many beats were found. */
  beats: number;
}

/** How fast music is. */
export interface TempoPrediction {
  /** Beats a minute. */
  value: number;
  /** Below 90, below 120, or from 120 on. */
  category: "slow" | "moderate" | "fast";
  /** Chance that it is right to 4 %, not its half or double. */
  confidence: number;
}

/** What is known of the sound itself; null where only numbers were sent. */
export interface TrackMetadata {
  /** In seconds. */
  duration: number | null;
  /** Of the file, in Hz. */
  sampleRate: number | null;
  /** Of what was sent. */
  fileSizeBytes: number;
}

/** A window was decided; twice for each second of sound. */
export interface WindowEvent {
  /** End of the window, in seconds since the beginning. */
  time_s: number;
  /** What the gate made of the voice so far. */
  kind: DecisionKind;
  /** The accepted emotion; null where none is. */
  emotion: Emotion | null;
  /** The likeliest emotion; null without speech. */
  leading: Emotion | null;
  /** Its smoothed probability; 0 without speech. */
  confidence: number;
  /** How much of the window is speech. */
  speech_share: number;
  /** Music plays, and no voice stands out from it. */
  only_music: boolean;
  /** Of the window alone, summing to 1; null without speech. */
  probabilities: Record<string, number> | null;
  /** Null without speech, or where the model does not know. */
  energy: EnergyAnswer | null;
  /** Null as `energy` is. */
  pleasantness: PleasantnessAnswer | null;
  /** Where on the plane the accepted statements lie. */
  direction: Direction | null;
  /** Whether the accepted emotion differs from the one before. */
  changed: boolean;
  /** One sentence on why it was decided so. */
  reason: string;
  /** From the arrival of its last sample to its answer, in milliseconds. */
  latency_ms: number;
  type?: "window";
}

/** The last event after the client's `{"type": "end"}`: all that it had sent is answered. */
export interface StreamEnd {
  type?: "end";
  /** Windows that were due. */
  windows: number;
  /** Of those, overtaken by a newer one before they were answered. */
  lost_windows: number;
  /** Frames of sound that came too far ahead, and were not heard. */
  lost_frames: number;
}

/** Music in the last ten seconds. */
export interface StreamMusic {
  /** How much of what sounds is music, 0 to 1. */
  music_share: number;
  /** The likeliest mood tags with their probabilities, 0 to 1; empty without music. */
  tags: Record<string, number>;
  /** From -1 (quiet) to 1 (lively); null without music. */
  energy: number | null;
  /** From -1 (unpleasant) to 1 (pleasant); null without music. */
  pleasantness: number | null;
}

/** What people should know of the sound, once when it begins and once when it is over. */
export interface StreamNotice {
  type?: "notice";
  /** What it is about, for programs. */
  kind: NoticeKind;
  /** What is over with it; null where something begins. */
  ends: NoticeKind | null;
  /** How much it matters. */
  severity: Severity;
  /** One sentence for people. */
  message: string;
  /** Unix time, seconds. */
  at_s: number;
  /** Seconds of sound since the stream began. */
  time_s: number;
}

/** What will be sent, and what is asked of it. */
export interface StreamParameters {
  /** Sample rate of what is sent, Hz. */
  rate?: number;
  /** Channels, interleaved. */
  channels?: number;
  /** Of each sample, little-endian; float32 reaches from -1 to 1. */
  format?: SampleFormat;
  /** Whether music beside the voice is heard, too. Without, singing may count as a voice; where no music plays, the answers are the same. */
  music?: boolean;
  /** Confidence from which an emotion is accepted, 0 to 1. */
  threshold?: number | null;
}

/** Why the server closes the stream; the close code follows. */
export interface StreamProblem {
  type?: "problem";
  /** The close code, RFC 6455. */
  code: number;
  /** One sentence: what happened, and what to do. */
  detail: string;
}

/** The first event: sound may come. */
export interface StreamReady {
  type?: "ready";
  /** The emotion model and its version. */
  model: string;
  /** What each answer is about, seconds of sound. */
  window_s: number;
  /** Seconds of sound from answer to answer. */
  hop_s: number;
}

/** Twice a second of sound, from the third second on. */
export interface StreamWindow {
  /** End of the window, in seconds since the beginning. */
  time_s: number;
  /** What the gate made of the voice so far. */
  kind: DecisionKind;
  /** The accepted emotion; null where none is. */
  emotion: Emotion | null;
  /** The likeliest emotion; null without speech. */
  leading: Emotion | null;
  /** Its smoothed probability; 0 without speech. */
  confidence: number;
  /** How much of the window is speech. */
  speech_share: number;
  /** Music plays, and no voice stands out from it. */
  only_music: boolean;
  /** Of the window alone, summing to 1; null without speech. */
  probabilities: Record<string, number> | null;
  /** Null without speech, or where the model does not know. */
  energy: EnergyAnswer | null;
  /** Null as `energy` is. */
  pleasantness: PleasantnessAnswer | null;
  /** Where on the plane the accepted statements lie. */
  direction: Direction | null;
  /** Whether the accepted emotion differs from the one before. */
  changed: boolean;
  /** One sentence on why it was decided so. */
  reason: string;
  /** From the arrival of its last sample to its answer, in milliseconds. */
  latency_ms: number;
  type?: "window";
  /** What the last half minute of voice adds up to. */
  sustained: Emotion | null;
  /** The music beside the voice; null where it was not asked for, or all was silent. */
  music: StreamMusic | null;
}

/** What each address takes and gives. */
export interface Paths {
  "/v1/emotion": {
    /**
     * Recognise emotion, energy and pleasantness, as a whole and window by window.
     *
     * What is wrong with a file is told in its row. Files longer than 10 minutes are for `/v1/jobs`.
     */
    post: {
      query: {
        /** Also window by window, twice a second. */
        "windows"?: boolean;
      };
      body: Body_emotion_v1_emotion_post;
      answer: EmotionRows;
    };
  };
  "/v1/mood": {
    /** Tell the mood of music: 59 tags and eight plain moods, as a whole and over time. */
    post: {
      query: {
        /** Also over time, every 0.96 s. */
        "timeline"?: boolean;
        /** How many labels of each kind, the likeliest first. */
        "top_k"?: number;
      };
      body: Body_mood_v1_mood_post;
      answer: MoodRows;
    };
  };
  "/v1/profile": {
    /** Tell tempo, key, loudness, genre, instruments, feelings and mood. */
    post: {
      query: {
        /** Also beats, and every moment. */
        "timeline"?: boolean;
        /** How many labels of each kind, the likeliest first. */
        "top_k"?: number;
      };
      body: Body_profile_v1_profile_post;
      answer: ProfileRows;
    };
  };
  "/v1/jobs": {
    /**
     * Take a file and answer at once; the job's state tells when its result is there.
     *
     * Jobs run one at a time, and live as long as the server. They are forgotten an hour after they are over.
     */
    post: {
      query: {
        /** What is asked. */
        "kind": AnalysisKind;
        /** Also over time: windows, moments and beats. */
        "timeline"?: boolean;
        /** How many labels, the likeliest first. */
        "top_k"?: number;
      };
      body: Body_submit_v1_jobs_post;
      answer: JobStatus;
    };
    /** List the jobs that are known, the oldest first. */
    get: {
      answer: JobList;
    };
  };
  "/v1/jobs/{job_id}": {
    /** Tell how far a job is. */
    get: {
      path: {
        "job_id": string;
      };
      answer: JobStatus;
    };
    /** Stop a job that waits or runs, or forget one that is over. */
    delete: {
      path: {
        "job_id": string;
      };
      answer: JobStatus;
    };
  };
  "/v1/jobs/{job_id}/result": {
    /** Give the result of a job that is done. */
    get: {
      path: {
        "job_id": string;
      };
      answer: EmotionClip | MusicMood | MusicProfile;
    };
  };
  "/v1/streams": {
    /**
     * Say whether a stream would be taken.
     *
     * A stream itself is the WebSocket `/v1/stream`, with what `StreamParameters` describes in its query. Sound
     * goes in as binary messages of raw samples, as fast as it sounds, best 100 ms each. Events come out as
     * JSON: `StreamReady`, `StreamWindow`, `StreamNotice`, `StreamEnd`, `StreamProblem`. `{"type": "end"}` asks
     * for the rest of the answers. Browsers, which cannot send headers there, offer the subprotocols
     * `attune.v1` and `attune.bearer.` with the token in base64url.
     */
    get: {
      answer: StreamPlaces;
    };
  };
  "/v1/listener": {
    /** Tell the state of the listener, the newest window, and what was said in words. */
    get: {
      answer: ListenerSnapshot;
    };
  };
  "/v1/listener/start": {
    /** Listen to a source instead of the one before; 409 where it cannot be opened. */
    post: {
      body: StartListening;
      answer: ListenerSnapshot;
    };
  };
  "/v1/listener/stop": {
    /** Stop listening, and end a pause; harmless where nothing is listened to. */
    post: {
      answer: ListenerSnapshot;
    };
  };
  "/v1/listener/pause": {
    /** Close the microphone for a while; 409 where nothing is listened to. */
    post: {
      body?: PauseListening | null;
      answer: ListenerSnapshot;
    };
  };
  "/v1/listener/resume": {
    /** Listen again before a pause is over; 409 where listening is not paused. */
    post: {
      answer: ListenerSnapshot;
    };
  };
  "/v1/player": {
    /** Tell what plays and what the autopilot does; 409 before a player was chosen. */
    get: {
      answer: PlayerState;
    };
    /** Let music follow what is heard, on a player and in a mode; both are kept for the next time. */
    put: {
      body: ChoosePlayer;
      answer: PlayerState;
    };
  };
  "/v1/player/play": {
    /** Play a playlist that is listed; the autopilot takes it as a change of a person's own. */
    post: {
      body: PlayPlaylist;
      answer: OutcomeReport;
    };
  };
  "/v1/player/pause": {
    /** Pause the music, and keep the autopilot quiet for a while. */
    post: {
      answer: OutcomeReport;
    };
  };
  "/v1/player/resume": {
    /** Go on where it was paused. */
    post: {
      answer: OutcomeReport;
    };
  };
  "/v1/player/next": {
    /** Go to the next track of what plays. */
    post: {
      answer: OutcomeReport;
    };
  };
  "/v1/player/volume": {
    /** Set the volume. */
    post: {
      body: SetVolume;
      answer: OutcomeReport;
    };
  };
  "/v1/player/device": {
    /** Let music come out of a device, and remember it. */
    post: {
      body: ChooseDevice;
      answer: OutcomeReport;
    };
  };
  "/v1/player/refresh": {
    /** List playlists and devices anew, and ask what is playing. */
    post: {
      answer: OutcomeReport;
    };
  };
  "/v1/player/answer": {
    /** Answer what the autopilot suggests; nothing happens where nothing waits. */
    post: {
      body: AnswerSuggestion;
      answer: PlayerState;
    };
  };
  "/v1/player/undo": {
    /** Take the autopilot's last switch back, and keep it quiet for a while; an event tells how it ended. */
    post: {
      answer: PlayerState;
    };
  };
  "/v1/player/autopilot/resume": {
    /** Let the autopilot go on where `can_resume` says that it waits for something a person can end. */
    post: {
      answer: PlayerState;
    };
  };
  "/v1/events": {
    /**
     * Send each event at once. The last five minutes are kept: with the header Last-Event-ID a reader goes
     * on where it was. A reader that is too slow misses events, and `gap` says how many.
     */
    get: {
      query: {
        /** Only these; by default all. Repeatable. */
        "types"?: Array<"window" | "notice" | "music"> | null;
      };
      header: {
        /** Id of the newest event that was read; browsers send it. */
        "last-event-id"?: string | null;
      };
      answer: string;
    };
  };
  "/": {
    /** Answer health as JSON, and a page with links where a browser asks. */
    get: {
      answer: ServiceStatus;
    };
  };
  "/predict-emotion/": {
    /** Recognise the emotion of a voice in a sound file of any format and rate. */
    post: {
      body: Body_predict_emotion_predict_emotion__post;
      answer: EmotionPrediction;
    };
  };
  "/predict-realtime/": {
    /**
     * Recognise the emotion in a buffer: raw bytes, numbers in JSON, or a sound file in a form.
     *
     * The model hears 3 s. A shorter buffer is padded with silence; of a longer one all windows count.
     */
    post: {
      query: {
        /** Of raw bytes: sample rate, in Hz. */
        "rate"?: number;
        /** Of raw bytes: how many channels. */
        "channels"?: number;
        /** Of raw bytes: each sample, little-endian. */
        "format"?: SampleFormat;
      };
      body: {
        audio_buffer: Blob;
      } | {
        /** Channel by channel within each frame: -1 to 1, or -32768 to 32767 as int16. */
        samples: Array<number>;
        /** Sample rate, in Hz. */
        rate?: number;
        /** How many. */
        channels?: number;
        /** What the numbers are. */
        format?: "float32" | "int16";
      } | Blob;
      answer: EmotionPrediction;
    };
  };
  "/emotions/": {
    /** List the eight emotions. */
    get: {
      answer: EmotionList;
    };
  };
  "/music-moods/": {
    /** Tell which music fits an emotion, in one word. */
    get: {
      answer: Record<string, string>;
    };
  };
  "/api/music/analyze": {
    /** Analyse a sound file that comes in a form, or in base64 within JSON. */
    post: {
      body: {
        file: Blob;
      } | {
        /** The file in base64. */
        audioData: string;
        /** Its name, for people. */
        fileName?: string;
        /** Not needed: the content says what it is. */
        format?: string | null;
      };
      answer: MusicAnalysis;
    };
  };
  "/api/music/analyze/upload": {
    /** Analyse a sound file. */
    post: {
      body: Body_upload_api_music_analyze_upload_post;
      answer: MusicAnalysis;
    };
  };
  "/api/music/analyze/preprocessed": {
    /**
     * Analyse what was computed of a track before: its embedding by YAMNet.
     *
     * It comes as a file of NumPy or as JSON, with 1024 numbers or a row of them for each patch. Spectrograms
     * are refused: no model that comes with Attune hears them.
     */
    post: {
      body: {
        file: Blob;
      } | {
        /** Of YAMNet, as `attune embed` writes it: 1024 numbers, or a row of them for each patch. */
        embedding: Array<number> | Array<Array<number>>;
        /** Name of the track, for people. */
        fileName?: string;
      } | Blob;
      answer: MusicAnalysis;
    };
  };
  "/api/health": {
    /** Answer 200 where music can be analysed, else 503. */
    get: {
      answer: MusicHealth;
    };
  };
  "/api/health/info": {
    /** Tell the addresses, the formats and the answers. */
    get: {
      answer: MusicApiInfo;
    };
  };
  "/health/live": {
    /** Answer as long as the process runs; what starts it again asks here. */
    get: {
      answer: Health;
    };
  };
  "/health/ready": {
    /** Answer 200 once the models can be used, else 503; a load balancer asks here. */
    get: {
      answer: Health;
    };
  };
  "/metrics": {
    /** Requests, work, streams and the process, in Prometheus's text format. */
    get: {
      answer: string;
    };
  };
}
