// What the boards of Live share: the tab's title, and that they are kept alive.

function mountBoard(component, onValues = () => {}) {
  const board = mountPart(component, (values, root) => {
    showTitle(values.title, "live");
    onValues(values, root);
  });
  if (board === null) return null;
  const { root, feed } = board;
  keepAlive(root, {
    ask: () => feed.send?.("beat", Date.now()),
    back: () => showTitle(feed.values.title, "live"),
    said: root.querySelector(".unreachable-words"),
  });
  return board;
}
