// The view for a second screen: the whole screen, at once where a button led here; Escape or a click leads back.

export default function show(component) {
  let leaving = false;
  // A press may come before the first values, with which comes the way to answer.
  const board = mountBoard(component, () => leaving && feedOf(component.data.part).send?.("back", Date.now()));
  if (board === null) return;
  const wall = board.root.querySelector(".wall");
  const back = () => {
    leaving = true;
    document.removeEventListener("keydown", onKey);
    document.removeEventListener("fullscreenchange", onScreen);
    if (document.fullscreenElement !== null) document.exitFullscreen();
    if (board.root.isConnected) board.feed.send?.("back", Date.now());
  };
  const onKey = (event) => {
    if (event.key === "Escape") back();
  };
  const onScreen = () => {
    if (document.fullscreenElement === null) back();
  };
  wall.addEventListener("click", back);
  document.addEventListener("keydown", onKey);
  const full = wall.querySelector("button");
  const fill = () =>
    document.documentElement.requestFullscreen?.().then(() => {
      full.hidden = true;
      document.addEventListener("fullscreenchange", onScreen);
    });
  full.addEventListener("click", (event) => {
    event.stopPropagation();
    fill()?.catch(() => {});
  });
  // A browser allows it for some seconds after a press; where the page was opened by its address, it asks for one.
  fill()?.catch(() => {
    full.hidden = false;
  });
  wall.focus();
}
