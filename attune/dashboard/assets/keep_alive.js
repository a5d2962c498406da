// What shows an open microphone: the server hears of a hidden tab, and without a connection no sign of listening stays.

const BEAT_MS = 5000;

// One for the tab, whatever parts are drawn in it: this script is run anew for each.
const alive = (window.attuneAlive ??= begin());

function begin() {
  const parts = new Map();
  // Those on the page: what was left is let go.
  const present = () => {
    for (const root of parts.keys()) if (!root.isConnected) parts.delete(root);
    return parts;
  };
  // Browsers slow the timers of a hidden tab down to one a minute; the server would take it for closed and stop to
  // listen. A worker's timers are spared, so while the tab is hidden it asks for the next drawing in their stead.
  const beat = new Worker(
    URL.createObjectURL(new Blob([`setInterval(() => postMessage(0), ${BEAT_MS})`], { type: "text/javascript" })),
  );
  beat.onmessage = () => {
    if (document.hidden) for (const { ask } of present().values()) ask();
  };
  document.addEventListener("attune-connection", ({ detail: { words } }) => {
    for (const [root, { back, said }] of present()) {
      root.classList.toggle("unreachable", words !== null);
      if (said) said.textContent = words?.[0] ?? "";
      if (words === null) back?.();
    }
  });
  return { present, beat };
}

// `ask` has the part drawn again, `back` is told of a connection that is back, `said` shows why there is none.
function keepAlive(root, { ask, back, said }) {
  alive.present().set(root, { ask, back, said });
}
