// The tab's title is that of the page that is shown: what comes late from one that was left does not take it.

const PAGES = ["tracks", "playlists", "history", "voice", "settings"]; // all but Live, whose address is that of the program

function showTitle(title, page) {
  const last = location.pathname.split("/").filter(Boolean).at(-1);
  const shown = PAGES.includes(last) ? last : "live";
  if (title === undefined || page !== shown) return;
  if (document.title !== title) document.title = title;
}
