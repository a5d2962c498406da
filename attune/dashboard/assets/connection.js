// On every page: its language, and word of a program that does not answer any more: no red dot stays on, and nothing
// old passes for new.

const LOOK_MS = 400;
const FRESH_MS = 1100; // what comes anyway is an answer: nobody need ask
// A program that has just begun is busy; one that has brought something is not.
const ANSWER_MS = { before: 1200, after: 600 };
const SILENT_MS = 4000; // it answers but draws nothing: it is busy, or this page was asleep

async function answers(withinMs) {
  try {
    return (await fetch("/_stcore/health", { cache: "no-store", signal: AbortSignal.timeout(withinMs) })).ok;
  } catch (error) {
    return error.name === "TimeoutError" ? null : false;
  }
}

// When a part that is on the page was last fed; what is not fed is never late.
function fedMs() {
  const fed = Object.values(window.attune ?? {}).filter(({ draws }) => [...draws].some((draw) => draw.root.isConnected));
  return Math.max(-Infinity, ...fed.map(({ atMs }) => atMs ?? -Infinity));
}

export default function show({ data, parentElement }) {
  document.documentElement.lang = data.language;
  const old = parentElement.querySelector(".gone");
  if (old !== null) {
    old.attuneWords = data;
    return;
  }
  const banner = document.createElement("p");
  Object.assign(banner, { className: "gone", hidden: true, role: "alert" });
  const [strong, span] = ["strong", "span"].map((name) => banner.appendChild(document.createElement(name)));
  banner.attuneWords = data;
  parentElement.appendChild(banner);

  let said = "";
  const say = (words) => {
    const now = words?.join("\n") ?? "";
    if (now === said) return;
    said = now;
    banner.hidden = words === null;
    [strong.textContent, span.textContent] = words ?? ["", ""];
    if (words !== null) document.title = document.title.replace(/^● /, "");
    document.documentElement.classList.toggle("attune-gone", words !== null);
    document.dispatchEvent(new CustomEvent("attune-connection", { detail: { gone: words !== null, words } }));
  };

  let looking = false;
  const look = async () => {
    if (document.hidden || looking) return;
    if (Date.now() - fedMs() < FRESH_MS) {
      say(null);
      return;
    }
    looking = true;
    const withinMs = fedMs() > 0 ? ANSWER_MS.after : ANSWER_MS.before;
    let answered = await answers(withinMs);
    // Once may be a moment of much work.
    if (answered === null) answered = await answers(withinMs);
    looking = false;
    const silent = Date.now() - fedMs() > SILENT_MS && fedMs() > 0;
    const words = banner.attuneWords;
    say(answered ? (silent ? words.silent : null) : words.gone);
  };
  const timer = setInterval(() => {
    if (!banner.isConnected) clearInterval(timer);
    else look();
    // The frame has done its work, see first_paint.py.
    const frame = document.getElementById("at-first");
    if (frame !== null && getComputedStyle(frame).display === "none") frame.remove();
  }, LOOK_MS);
}
