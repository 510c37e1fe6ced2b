// Gives each figure of class before-after its handle. Without scripts both pictures show, one below the other.
function prepare() {
  for (const figure of document.querySelectorAll("figure.before-after:not(.live)")) {
    const handle = Object.assign(document.createElement("input"), { type: "range", min: 0, max: 100, step: 0.1, value: 50 });
    handle.setAttribute("aria-label", "Border between before and after");
    const border = Object.assign(document.createElement("div"), { className: "border" });
    handle.addEventListener("input", () => figure.style.setProperty("--border", `${handle.value}%`));
    figure.append(handle, border);
    figure.classList.add("live");
  }
}
// The pages of the site replace each other without a load; document$ tells of each one.
if (window.document$) window.document$.subscribe(prepare);
else document.addEventListener("DOMContentLoaded", prepare);
