// The upper part of the Live board. "Starting" is said at once: the program answers only when the device is open.

const START = ".st-key-start button, .st-key-switch button";
const STARTING_MS = 4000;

export default function show(component) {
  const board = mountBoard(component);
  if (board === null) return;
  const words = board.root.querySelector(".words");
  const pressed = (event) => {
    if (!board.root.isConnected) document.removeEventListener("click", pressed, true);
    if (!event.target.closest?.(START)) return;
    words.firstChild.data = board.root.querySelector("[data-starting]").dataset.starting;
    // Where it could not be started nothing new is said.
    setTimeout(() => { words.firstChild.data = board.feed.values.state; }, STARTING_MS);
  };
  document.addEventListener("click", pressed, true);
}
