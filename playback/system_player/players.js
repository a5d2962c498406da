// For osascript -l JavaScript. What a link says comes as an argument, never as script.
function look(name) {
  let app;
  try {
    app = Application(name);
    if (!app.running()) return null;
  } catch (error) {
    return null;
  }
  const told = {name: name, state: String(app.playerState()), volume: app.soundVolume()};
  try {
    const track = app.currentTrack;
    told.title = track.name();
    told.artist = track.artist();
    told.duration = track.duration();
    told.position = app.playerPosition();
    told.id = name === "Spotify" ? track.id() : track.persistentID();
  } catch (error) {}
  return told;
}
function run(argv) {
  const [verb, name, value] = argv;
  if (verb === "list") return JSON.stringify(["Spotify", "Music"].map(look).filter(Boolean));
  const app = Application(name);
  if (!app.running()) throw new Error("not running");
  switch (verb) {
    case "pause": app.pause(); break;
    case "resume": app.play(); break;
    case "next": app.nextTrack(); break;
    case "volume": app.soundVolume = Number(value); break;
    case "play": app.playTrack(value); break;
    case "location": app.openLocation(value); break;
    case "file": app.open(Path(value)); app.play(); break;
  }
  return "";
}
