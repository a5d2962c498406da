// Owns how a new picture of the board replaces the old one: in place, so that bars glide and nothing flickers.

const BOARD = "at-board";
const BEAT_MS = 5000;

// Browsers slow the timers of a hidden tab down to one a minute; the server would take it for closed and stop to
// listen. A worker's timers are spared, so while the tab is hidden it asks for the next picture in their stead.
let askForPicture = () => {};
const beat = new Worker(
  URL.createObjectURL(new Blob([`setInterval(() => postMessage(0), ${BEAT_MS})`], { type: "text/javascript" })),
);
beat.onmessage = () => {
  if (document.hidden) askForPicture();
};

// Whether details are open is the person's to say: no picture says it, and a new page of this tab remembers it.
const OPEN_KEY = "attune-details-open";

function remembered() {
  try {
    return sessionStorage.getItem(OPEN_KEY) === "yes";
  } catch {
    return false; // the browser forbids to remember
  }
}

function remember(event) {
  if (event.target.nodeName !== "DETAILS") return;
  try {
    sessionStorage.setItem(OPEN_KEY, event.target.open ? "yes" : "no");
  } catch {
    // It stays as it is until the page is left.
  }
}

function morphAttributes(old, next) {
  for (const { name } of Array.from(old.attributes)) {
    if (name === "open" && old.nodeName === "DETAILS") continue;
    if (!next.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of Array.from(next.attributes)) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

function morphChildren(old, next) {
  const wanted = Array.from(next.childNodes);
  wanted.forEach((child, index) => {
    const present = old.childNodes[index];
    if (present === undefined) {
      old.appendChild(child);
    } else if (present.nodeType !== child.nodeType || present.nodeName !== child.nodeName) {
      old.replaceChild(child, present);
    } else if (child.nodeType === Node.TEXT_NODE) {
      if (present.data !== child.data) present.data = child.data;
    } else {
      morphAttributes(present, child);
      morphChildren(present, child);
    }
  });
  while (old.childNodes.length > wanted.length) old.lastChild.remove();
}

export default function show({ data, parentElement, setTriggerValue }) {
  askForPicture = () => setTriggerValue("beat", Date.now());
  let board = parentElement.querySelector("." + BOARD);
  if (board === null) {
    board = document.createElement("div");
    board.className = BOARD;
    board.addEventListener("toggle", remember, true); // it does not bubble
    parentElement.appendChild(board);
  }
  const template = document.createElement("template");
  template.innerHTML = data.html;
  if (board.querySelector("details") === null) {
    for (const details of template.content.querySelectorAll("details")) details.open = remembered();
  }
  morphChildren(board, template.content);
  if (document.title !== data.title) document.title = data.title;
}
