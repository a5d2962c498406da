// What a person asks for arrives: it is sent again until it was done, and nothing is replaced while it is pressed.

// Of two requests that wait Streamlit keeps the second alone, so all go together. The numbers are those of the tab.
function numbered(request) {
  window.attuneRequests = (window.attuneRequests ?? 0) + 1;
  return { ...request, number: window.attuneRequests };
}

const notDone = (requests, done) => requests.filter(({ number }) => number > done);

// A button that is replaced between press and release is never clicked.
function whilePressed(root, released) {
  let pressed = false;
  const press = ({ target, key }) => {
    pressed ||= (key === undefined || key === " ") && target.matches?.("a, button *, button, input, label, label *");
  };
  root.addEventListener("pointerdown", press);
  root.addEventListener("keydown", press);
  const release = () => {
    if (!root.isConnected) {
      for (const end of ENDS) window.removeEventListener(end, release, true);
      return;
    }
    if (!pressed) return;
    // The click comes after this.
    setTimeout(() => {
      pressed = false;
      released();
    });
  };
  for (const end of ENDS) window.addEventListener(end, release, true);
  return () => pressed;
}

const ENDS = ["pointerup", "pointercancel", "keyup", "blur"];
