// Streams the microphone to /v1/stream and draws what comes back.

const EMOTIONS = ["neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"];
const TRAIL = 60; // windows, half a minute
const BEHIND_S = 1; // sound that may wait for a slow network before some is left out
const RETRY_S = 10;

const part = (id) => document.getElementById(id);
const percent = (share) => `${Math.round(100 * share)}\u00a0%`;
const bars = new Map();
let trail = [];
let run = null; // {socket, stream, context} while it listens

for (const name of EMOTIONS) {
  const row = part("bars").insertRow();
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = name;
  row.append(head);
  const bar = document.createElement("div");
  bar.className = "bar";
  row.insertCell().append(bar);
  bars.set(name, { bar, words: row.insertCell() });
}

part("controls").addEventListener("submit", (event) => {
  event.preventDefault();
  start();
});
part("stop").addEventListener("click", () => stop("Not listening."));
askForToken();

async function start() {
  if (run !== null) return;
  const mine = (run = {});
  say("Opening the microphone.");
  problem("");
  buttons(true);
  try {
    mine.stream = await openMicrophone();
    mine.context = new AudioContext();
    await mine.context.audioWorklet.addModule("demo/recorder.js");
    await mine.context.resume();
  } catch (error) {
    if (run === mine) stop("Not listening.", microphoneWords(error));
    release(mine);
    return;
  }
  if (run !== mine) return release(mine); // Stop was pressed meanwhile
  connect(mine);
}

function openMicrophone() {
  if (!navigator.mediaDevices) {
    throw new Error("Browsers give the microphone only to pages of this machine or over HTTPS: open this page at 127.0.0.1, or put a server with a certificate in front.");
  }
  const audio = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  return navigator.mediaDevices.getUserMedia({ audio });
}

function microphoneWords(error) {
  if (error.name === "NotAllowedError") return "The browser may not use the microphone: allow it for this page.";
  if (error.name === "NotFoundError") return "No microphone is connected: connect one, and press Start.";
  return error.message;
}

function connect(mine) {
  const address = new URL("v1/stream", document.baseURI);
  address.protocol = address.protocol.replace("http", "ws");
  address.search = new URLSearchParams({ rate: mine.context.sampleRate, music: part("music").checked });
  const token = part("token").value;
  mine.socket = new WebSocket(address, token ? ["attune.v1", `attune.bearer.${base64url(token)}`] : ["attune.v1"]);
  let opened = false;
  mine.socket.onmessage = ({ data }) => {
    opened = true;
    if (run === mine) take(mine, JSON.parse(data));
  };
  mine.socket.onclose = async ({ code, reason }) => {
    if (run !== mine) return;
    const words = opened ? closeWords(code, reason) : await refusalWords();
    if (run === mine) stop("Not listening.", words);
  };
}

function take(mine, event) {
  if (event.type === "ready") {
    begin(mine);
  } else if (event.type === "window") {
    draw(event);
  } else if (event.type === "notice" || event.type === "problem") {
    problem(event.ends ? "" : (event.message ?? event.detail));
  }
}

function begin(mine) {
  const recorder = new AudioWorkletNode(mine.context, "recorder", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
  recorder.port.onmessage = ({ data }) => {
    if (run !== mine) return;
    part("level").value = levelOf(data);
    const room = mine.context.sampleRate * 2 * BEHIND_S;
    if (mine.socket.readyState === WebSocket.OPEN && mine.socket.bufferedAmount < room) mine.socket.send(data);
  };
  mine.context.createMediaStreamSource(mine.stream).connect(recorder);
  for (const track of mine.stream.getTracks()) {
    track.onended = () => run === mine && stop("Not listening.", "The microphone was disconnected: connect it, and press Start.");
  }
  say("Listening. The first answer comes after three seconds.");
}

function stop(words, fault = "") {
  const mine = run;
  run = null;
  if (mine !== null) release(mine);
  trail = [];
  for (const id of ["voice", "song"]) part(id).classList.add("away");
  part("trail").setAttribute("points", "");
  part("level").value = -60;
  buttons(false);
  say(words);
  problem(fault);
}

function release(mine) {
  mine.stream?.getTracks().forEach((track) => track.stop());
  mine.context?.close();
  mine.socket?.close();
}

// What is drawn

function draw(window_) {
  const { energy, pleasantness, probabilities } = window_;
  const heard = energy !== null && pleasantness !== null;
  text("emotion", emotionWords(window_));
  text("energy", axisWords(energy, "p_lively", ["lively", "quiet"]));
  text("pleasantness", axisWords(pleasantness, "p_pleasant", ["pleasant", "unpleasant"]));
  text("song-words", musicWords(window_.music));
  text("latency", `${Math.round(window_.latency_ms)} ms`);
  for (const [name, { bar, words }] of bars) {
    const share = probabilities?.[name] ?? 0;
    bar.style.setProperty("--share", share);
    words.textContent = probabilities === null ? "" : percent(share);
  }
  if (heard) {
    const [x, y] = [200 * pleasantness.p_pleasant - 100, 100 - 200 * energy.p_lively];
    trail = [...trail, `${x.toFixed(1)},${y.toFixed(1)}`].slice(-TRAIL);
    part("trail").setAttribute("points", trail.join(" "));
    place("voice", x, y);
  }
  part("voice").classList.toggle("away", !heard);
  part("voice").classList.toggle("sure", window_.kind === "accepted");
  const song = window_.music;
  part("song").classList.toggle("away", song === null || song.energy === null);
  if (song !== null && song.energy !== null) place("song", 100 * song.pleasantness, -100 * song.energy);
  text("plane-words", heard ? `The voice is ${window_.direction ?? "in the middle, or unsure"}.` : "Nobody is heard speaking now.");
  say(statusWords(window_));
}

function place(id, x, y) {
  part(id).style.transform = `translate(${x}px, ${y}px)`;
}

function emotionWords({ kind, emotion, leading, confidence }) {
  if (kind === "accepted") return `${emotion}, ${percent(confidence)}`;
  return leading === null ? "nobody speaks" : `unsure; most likely ${leading}, ${percent(confidence)}`;
}

function axisWords(axis, name, [high, low]) {
  if (axis === null) return "–";
  return axis.accepted ? `${axis.accepted}, ${percent(axis.confidence)}` : `unsure; ${axis[name] >= 0.5 ? high : low}, ${percent(axis.confidence)}`;
}

function musicWords(music) {
  if (music === null || music.energy === null) return "none";
  return Object.keys(music.tags).slice(0, 3).join(", ");
}

function statusWords({ kind, emotion, only_music: onlyMusic }) {
  if (kind === "accepted") return `The voice sounds ${emotion}.`;
  if (onlyMusic) return "Listening: only music is heard.";
  return kind === "unsure" ? "Listening: no emotion is sure." : "Listening: nobody speaks.";
}

// Words are set only where they change: a screen reader tells each once.
function text(id, words) {
  if (part(id).textContent !== words) part(id).textContent = words;
}
const say = (words) => text("status", words);
const problem = (words) => text("problem", words);

function buttons(listening) {
  const had = document.activeElement;
  part("start").disabled = listening;
  part("stop").disabled = !listening;
  if (had === part("start") || had === part("stop")) part(listening ? "stop" : "start").focus();
}

function levelOf(block) {
  let sum = 0;
  for (const sample of block) sum += sample * sample;
  return Math.max(-60, 10 * Math.log10(sum / block.length / 32768 ** 2 + 1e-9));
}

// The server

async function askForToken() {
  const answer = await places();
  if (answer?.status === 401) part("token-row").hidden = false;
}

function places() {
  const token = part("token").value;
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  return fetch(new URL("v1/streams", document.baseURI), { headers }).catch(() => null);
}

async function refusalWords() {
  const answer = await places();
  if (answer === null) return "The server does not answer: see whether it still runs.";
  if (answer.status === 401) {
    part("token-row").hidden = false;
    part("token").focus();
    return "This server asks for its token: fill it in, and press Start.";
  }
  // What stands in front of the server may answer with a page instead of JSON.
  const found = (await answer.json().catch(() => null)) ?? {};
  if (!answer.ok) return found.detail ?? `The server cannot be reached (status ${answer.status}): try again later.`;
  if (found.open >= found.capacity) {
    const all = found.capacity === 1 ? "The one stream of this server is" : `All ${found.capacity} streams of this server are`;
    return `${all} in use: try again in ${RETRY_S} s.`;
  }
  return "The stream could not be opened: press Start to try again.";
}

function closeWords(code, reason) {
  if (code === 1001) return "The server has ended.";
  return reason || "The connection broke off: press Start to go on.";
}

function base64url(words) {
  const bytes = String.fromCharCode(...new TextEncoder().encode(words));
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
