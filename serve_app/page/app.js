/** The page: its parts, and what joins them. */

import { Captions } from "./captions.js";
import { Choices } from "./choices.js";
import { Controls } from "./controls.js";
import { Conversation, sessionWishes } from "./conversation.js";
import { Doors } from "./doors.js";
import { IdleFace } from "./idle.js";
import { Latency } from "./latency.js";
import { Notice } from "./notice.js";
import { Panels } from "./panels.js";
import { Player } from "./player.js";
import { Preferences } from "./preferences.js";
import { RealtimeSocket } from "./socket.js";
import { canStream } from "./source.js";
import { Speech } from "./speech.js";
import { Transcript } from "./transcript.js";
import { Uploads } from "./uploads.js";
import { say, speakLanguage } from "./words.js";

const element = (id) => document.getElementById(id);
const preferences = new Preferences();
const video = canStream();

speakLanguage(preferences.language);

const notice = new Notice({ box: element("notice"), text: element("notice-text"), action: element("notice-action") });
const doors = new Doors(preferences, askForKey);
const face = new IdleFace({ stage: element("stage"), portrait: element("portrait"), idle: element("idle"), doors });
const transcript = new Transcript(element("log"), element("log-empty"));
const latency = new Latency({ section: element("latency"), total: element("latency-total"), rows: element("latency-rows") });
const captions = new Captions(element("captions"), { onClause: (text) => conversation.clause(text) });
new Panels([
  { panel: element("choices"), button: element("open-choices") },
  { panel: element("conversation"), button: element("open-transcript") },
]);

const player = new Player(element("answer"), {
  onShown: () => conversation.shown(),
  onProgress: (report) => conversation.progress(report),
  onEnded: () => conversation.ended(),
  onBlocked: () => { element("unmute").hidden = false; },
  onBroken: (reason) => {
    console.info("The answer's player failed:", reason);
    face.comeBack();
    notice.show(say("broken"));
  },
});

const socket = new RealtimeSocket({
  address: doors.address("v1/realtime"),
  preferences,
  onEvent: (event) => conversation.received(event),
  onMedia: (piece) => conversation.media(piece),
  onState: connection,
});

const conversation = new Conversation({
  socket, player, captions, transcript, latency, face,
  onSession: began,
  onState: state,
  onProblem: (text) => notice.show(text),
});

const speech = new Speech({
  socket, player, conversation, notice, video,
  onLevel: (value) => controls.level(value),
  onState: state,
  onRefused: () => element("text").focus({ preventScroll: true }),
});

const controls = new Controls(
  {
    talk: element("talk"), talkName: element("talk-name"), hint: element("talk-hint"), handsFree: element("hands-free"),
    interrupt: element("interrupt"), form: element("say"), text: element("text"),
  },
  {
    onHold: () => speech.hold(),
    onRelease: (long) => speech.release(long),
    onHandsFree: (on) => speech.listenFreely(on),
    onInterrupt: () => conversation.interrupt(),
    onText: (text) => {
      player.unlock();
      return conversation.tell(text);
    },
  },
);

const choices = new Choices({
  languages: element("languages"), avatars: element("avatars"), voices: element("voices"),
  refusal: element("choices-refusal"), doors, preferences,
  onChange: (what) => {
    if (what === "language") {
      speakLanguage(preferences.language);
      choices.show();
      latency.again();
      state();
    }
    choose();
  },
});

const uploads = new Uploads({
  dialog: element("upload"),
  doors,
  onAdded: async (noun, entry) => {
    if (noun === "avatar") preferences.avatar = entry.id;
    else preferences.chooseVoice(preferences.language, entry.id);
    await choices.load();
    choose();
  },
});

/** Tells the session who is to be seen and heard; shows the face. */
function choose() {
  const avatar = choices.avatar;
  if (!avatar) return;
  const name = avatar.name || avatar.id;
  face.show(avatar.id, { idleUrl: `v1/avatars/${encodeURIComponent(avatar.id)}/idle`, portraitUrl: avatar.portrait, name });
  const output = { voice: choices.voice ?? "default" };
  const session = { type: "realtime", audio: { output }, avatar: { id: avatar.id, language: preferences.language } };
  socket.send({ type: "session.update", session });
}

async function began(session, { updated = false } = {}) {
  const [width, height] = session.avatar?.frame_size ?? [];
  if (width && height) element("stage").style.setProperty("--shape", `${width} / ${height}`);
  if (updated) return;
  socket.send({ type: "session.update", session: sessionWishes({ handsFree: speech.handsFree, video }) });
  if (!choices.avatar) await choices.load(); // the server was away when the page came
  choose();
  if (!video) notice.show(say("cannotPlay"));
}

let shown = { name: "connecting", values: {} };
let connected = false;
let waiting = 0;

/** Shows what is going on; without a name, again in another language. */
function state(name = shown.name, values = shown.values) {
  shown = { name, values };
  element("state").dataset.state = name;
  element("state-text").textContent = say(name === "line" && !values.seconds ? "lineShort" : name, values);
  element("stage").dataset.state = name;
  controls.show({ handsFree: speech.handsFree, answering: conversation.answering, connected });
}

function connection({ name, code, reason, seconds, again }) {
  clearInterval(waiting);
  connected = name === "ready";
  if (connected) {
    notice.hide("connection");
    return;
  }
  if (code) conversation.connectionLost();
  if (name === "waiting") {
    let left = seconds;
    state("offline", { seconds: left });
    waiting = setInterval(() => state("offline", { seconds: Math.max(1, --left) }), 1000);
    if (code !== 1006 && code !== 1005) notice.show(reason, { topic: "connection" });
  } else if (name === "stopped") {
    state("stopped");
    if (code === 4401) askForKey();
    const label = say(code === 4409 ? "useHere" : "tryAgain");
    notice.show(reason, { topic: "connection", label, act: () => socket.open() });
  } else {
    state(again ? "retrying" : "connecting");
  }
}

function askForKey() {
  const dialog = element("key");
  if (!dialog.open) dialog.showModal();
}

element("key-form").addEventListener("submit", () => {
  preferences.key = element("key-text").value;
  element("key-text").value = "";
  choices.load().then(() => socket.open());
});
element("unmute").addEventListener("click", () => {
  element("unmute").hidden = true;
  player.unlock();
});
element("add-avatar").addEventListener("click", () => uploads.open("avatar"));
element("add-voice").addEventListener("click", () => uploads.open("voice"));
setInterval(() => player.active && captions.at(player.playedMs), 60);

state("connecting");
choices.load().then(() => socket.open());
