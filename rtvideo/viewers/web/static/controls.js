// Sliders, buttons and keys, and the figures beside them.

const percent = (share) => `${Math.round(100 * share)} %`;
const touched = { strength: 0, brightness: 0, denoise: 0 };

/** Move a slider of the run and show its value in words. */
function setSlider(name, value) {
  at(name).value = value;
  at(name).nextElementSibling.textContent = percent(at(name).value);
  at(name).setAttribute("aria-valuetext", percent(at(name).value));
}

/** Ask the run for the value of a slider that the visitor has moved. */
function sendSlider(name, value) {
  touched[name] = performance.now();
  setSlider(name, value);
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ [name]: Number(at(name).value) }));
}

function showState(state) {
  frame = state.frame;
  at("name").textContent = at("name").title = state.name;
  document.title = `${state.name} – rtvideo`;
  for (const name of Object.keys(touched)) {
    // What the server reports of a slider that a finger is still on is old.
    if (performance.now() - touched[name] > 1000) setSlider(name, state[name]);
  }
  at("denoise").disabled = !state.removes_noise;
  at("brightness").disabled = !state.sets_brightness;
  if (!frame) return;
  if (turn !== frame.turn) {
    turn = frame.turn;
    setShape();
  }
  showFigures();
}

function showFigures() {
  // A picture's time slot ends, not begins, when it was encoded.
  const waits = Math.max(0, (player?.behind || 0) - 1 / (frame.fps || 25));
  const delay = frame.latency === null ? null : frame.latency + waits;
  at("rate").textContent = `${frame.fps.toFixed(frame.fps < 10 ? 1 : 0)} pictures a second`;
  at("delay").textContent = delay === null ? "" : `${Math.max(0.1, delay).toFixed(1)} s delay`;
  at("note").textContent = `The server is too slow for full quality: ${frame.note}`;
  at("note").hidden = !frame.note;
  const facts = {
    Engine: frame.engine,
    Delay: delay === null ? "" : `${Math.round(1000 * delay)} ms`,
    "Left out": frame.dropped ? `${frame.dropped} pictures, because the machine was too slow` : "",
  };
  at("details").replaceChildren(
    ...Object.entries(facts).filter(([, text]) => text).flatMap(([name, text]) => [
      Object.assign(document.createElement("dt"), { textContent: name }),
      Object.assign(document.createElement("dd"), { textContent: text }),
    ]),
  );
}

/** Save what is shown. */
function snapshot() {
  const stamp = new Date(Date.now() - 60000 * new Date().getTimezoneOffset()).toISOString();
  const name = `rtvideo-${stamp.slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-")}.png`;
  canvas.toBlob((picture) => {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(picture), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
}

function fullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else at("stage").requestFullscreen();
}

const pressed = (id) => at(id).getAttribute("aria-pressed") === "true";

at("hold").addEventListener("click", () => setHold(!held));
at("replay").addEventListener("click", () => setReplay(!pressed("replay")));
at("compare").addEventListener("click", () => setComparing(!comparing));
at("snapshot").addEventListener("click", snapshot);
at("full").addEventListener("click", fullScreen);
at("full").hidden = !document.fullscreenEnabled;

for (const name of Object.keys(touched)) {
  at(name).addEventListener("input", () => sendSlider(name, at(name).value));
}
at("split").addEventListener("input", setSplit);

const BUTTONS = { " ": "hold", r: "replay", c: "compare", s: "snapshot", f: "full" };
const DIVIDER = { ArrowLeft: -20, ArrowDown: -20, ArrowRight: 20, ArrowUp: 20 };
const STEPS = {
  "+": ["strength", 0.05], "=": ["strength", 0.05], "-": ["strength", -0.05],
  "]": ["brightness", 0.1], "[": ["brightness", -0.1],
};
let denoiseBefore = 1;

document.addEventListener("keydown", (event) => {
  const { key, target } = event, letter = key.toLowerCase();
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (key === " " && target.closest("button, summary")) return; // the browser presses it
  if (BUTTONS[letter] && !at(BUTTONS[letter]).hidden) {
    at(BUTTONS[letter]).click();
  } else if (DIVIDER[key] && (target === at("split") || !target.closest("input"))) {
    at("split").value = Number(at("split").value) + DIVIDER[key];
    setSplit();
  } else if (STEPS[key]) {
    const [name, step] = STEPS[key];
    if (!at(name).disabled) sendSlider(name, Number(at(name).value) + step);
  } else if (letter === "d" && !at("denoise").disabled) {
    const now = Number(at("denoise").value);
    if (now) denoiseBefore = now;
    sendSlider("denoise", now ? 0 : denoiseBefore);
  } else {
    return;
  }
  event.preventDefault();
});

for (const name of Object.keys(touched)) setSlider(name, at(name).value);
setSplit();
showCondition();
if (!document.hidden) connect();
