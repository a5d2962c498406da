// Owns the table of what happened to the music: it is replaced only when something has, and stays where it was.

const BOARD = "at-board";

export default function show({ data, parentElement }) {
  let board = parentElement.querySelector("." + BOARD);
  if (board === null) {
    board = document.createElement("div");
    board.className = BOARD;
    board.innerHTML = '<section class="card records"><h2>What happened and why</h2><div class="body"></div></section>';
    parentElement.appendChild(board);
  }
  if (document.title !== data.title) document.title = data.title;
  if (board.dataset.html === data.html) return;
  board.dataset.html = data.html;
  const { scrollTop = 0 } = board.querySelector(".scroll") ?? {};
  const focused = board.getRootNode().activeElement?.matches(".scroll");
  board.querySelector(".body").innerHTML = data.html;
  const scroll = board.querySelector(".scroll");
  if (scroll === null) return;
  scroll.scrollTop = scrollTop;
  if (focused) scroll.focus({ preventScroll: true });
}
