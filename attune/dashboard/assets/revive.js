// What Streamlit's page cannot draw is its end: it takes all away, words about what happened included, and stays
// empty. So the page is loaded anew; the server has kept what was done.

const LOOK_MS = 1000;
const YOUNG_MS = 10000; // a page that dies at once is not loaded anew at once, over and over

let drawn = false;
setInterval(() => {
  const there = document.getElementById("root").hasChildNodes();
  drawn ||= there;
  if (drawn && !there && performance.now() > YOUNG_MS) location.reload();
}, LOOK_MS);
