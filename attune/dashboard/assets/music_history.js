// The table of what happened to the music: it is replaced only when something has, and stays where it was.

const ROOT = "at-root";

export default function show({ data, parentElement }) {
  let root = parentElement.querySelector("." + ROOT);
  if (root === null) {
    root = document.createElement("div");
    root.className = ROOT;
    root.innerHTML = '<section class="card music-history"><h2></h2><div class="body"></div></section>';
    parentElement.appendChild(root);
  }
  root.querySelector("h2").textContent = data.heading;
  if (root.dataset.html === data.html) return;
  root.dataset.html = data.html;
  const { scrollTop = 0 } = root.querySelector(".scroll") ?? {};
  const focused = root.getRootNode().activeElement?.matches(".scroll");
  root.querySelector(".body").innerHTML = data.html;
  const scroll = root.querySelector(".scroll");
  if (scroll === null) return;
  scroll.scrollTop = scrollTop;
  if (focused) scroll.focus({ preventScroll: true });
}
