/** What the page says, in the three languages it is offered in. Messages of the server stay as they come. */

export const LANGUAGES = { en: "English", zh: "中文", es: "Español" };

const WORDS = {
  en: {
    skip: "Skip to the text field", choices: "Face and voice", conversation: "Conversation", close: "Close",
    language: "Language", face: "Face", voice: "Voice", addFace: "Add a face…", addVoice: "Add a voice…",
    answer: "The avatar's answer", unmute: "Press to hear the answer", handsFree: "Hands-free", interrupt: "Interrupt",
    typeHere: "Type a message", send: "Send", nothingSaid: "What you both say appears here.",
    synthetic: "Picture and voice are synthetic: made by a computer, not a real person speaking.",
    lastAnswer: "Time to the last answer", name: "Name", cancel: "Cancel", add: "Add", connect: "Connect",
    keyTitle: "This server asks for its key", key: "Key", keyKept: "It is kept until this tab is closed.",
    hold: "Hold to talk", holdHint: "Hold the button or the space bar, and speak", stopListening: "Stop listening",
    handsFreeHint: "Just speak. Speaking interrupts the answer", releaseHint: "Release to send",
    you: "You", avatar: "Avatar", interrupted: "interrupted", newConversation: "A new conversation begins here",
    connecting: "Connecting…", ready: "Ready", listening: "Listening…", thinking: "Thinking…", speaking: "Speaking",
    line: "{position} in line, about {seconds} s", lineShort: "{position} in line", offline: "No connection. Trying again in {seconds} s…",
    retrying: "Connecting again…", stopped: "Not connected", tryAgain: "Connect again", useHere: "Talk here",
    micDenied: "The microphone was refused. Allow it in the browser's address bar, or type instead.",
    micAbsent: "No microphone was found. Plug one in, or type instead.",
    micBusy: "The microphone could not be opened: another program may be using it. You can type instead.",
    micInsecure: "The browser gives the microphone to secure pages (https) and to this machine only. You can type instead.",
    micReady: "The microphone is on. Hold the button and speak.", tooShort: "Hold the button while you speak.",
    cannotPlay: "This browser cannot play the answer as it is made. Answers appear as text.",
    broken: "The picture failed and was set up again.", noChoices: "Faces and voices could not be listed: {reason}",
    busy: "All places are taken. Please try again in {seconds} s.", unreachable: "The server could not be reached.",
    defaultVoice: "The language's own voice", preview: "Listen to {name}", stopPreview: "Stop", remove: "Delete {name}",
    yours: "yours", sentence: "Hello. This is how I sound when I talk with you.",
    faceTitle: "Add a face", faceAdvice: "A photo of one person who looks at the camera, with the mouth closed and good light.",
    voiceTitle: "Add a voice", voiceAdvice: "Ten seconds of one person's speech, without noise or music. Answers are then spoken in a voice that resembles it.",
    choosePhoto: "Choose a photo", chooseSound: "Choose a recording", camera: "Use the camera", record: "Record", take: "Take the photo", stop: "Stop",
    recordingFor: "Recording: {seconds} s", consentFace: "This is me, or the person shown has agreed to be shown speaking.",
    consentVoice: "This is my voice, or the person heard has agreed.", needConsent: "Tick the box: without consent it is not accepted.",
    needFile: "Choose or make one first.", adding: "Adding…", cameraDenied: "The camera was refused or is missing. Choose a file instead.",
    silence_wait: "Waiting for silence", transcript: "Understanding", first_token: "Thinking", first_clause: "First words",
    first_speech: "Voice", first_media: "Picture", onScreen: "Way to the screen",
    c1012: "The server is restarting.", c1013: "Too many people are connected.", c1009: "A message was too large.", c1011: "The server had a fault.",
    c4401: "The key is missing or wrong.", c4403: "This page's address may not use the server.", c4404: "The earlier conversation could not be continued.",
    c4408: "The session reached its time limit.", c4409: "The conversation goes on in another window.", c4410: "The answer was not being played.",
    c4429: "The limit of this key is reached.", c1006: "The connection was lost.",
  },
  es: {
    skip: "Ir al campo de texto", choices: "Cara y voz", conversation: "Conversación", close: "Cerrar",
    language: "Idioma", face: "Cara", voice: "Voz", addFace: "Añadir una cara…", addVoice: "Añadir una voz…",
    answer: "La respuesta del avatar", unmute: "Pulsa para oír la respuesta", handsFree: "Manos libres", interrupt: "Interrumpir",
    typeHere: "Escribe un mensaje", send: "Enviar", nothingSaid: "Aquí aparece lo que os decís.",
    synthetic: "La imagen y la voz son sintéticas: las hace un ordenador, no habla una persona real.",
    lastAnswer: "Tiempo hasta la última respuesta", name: "Nombre", cancel: "Cancelar", add: "Añadir", connect: "Conectar",
    keyTitle: "Este servidor pide su clave", key: "Clave", keyKept: "Se guarda hasta que cierres esta pestaña.",
    hold: "Mantén pulsado para hablar", holdHint: "Mantén pulsado el botón o la barra espaciadora y habla", stopListening: "Dejar de escuchar",
    handsFreeHint: "Habla sin más. Hablar interrumpe la respuesta", releaseHint: "Suelta para enviar",
    you: "Tú", avatar: "Avatar", interrupted: "interrumpido", newConversation: "Aquí empieza una conversación nueva",
    connecting: "Conectando…", ready: "Listo", listening: "Escuchando…", thinking: "Pensando…", speaking: "Hablando",
    line: "Puesto {position} en la cola, unos {seconds} s", lineShort: "Puesto {position} en la cola", offline: "Sin conexión. Nuevo intento en {seconds} s…",
    retrying: "Conectando de nuevo…", stopped: "Sin conexión", tryAgain: "Conectar de nuevo", useHere: "Hablar aquí",
    micDenied: "Se ha denegado el micrófono. Permítelo en la barra de direcciones o escribe.",
    micAbsent: "No hay micrófono. Conecta uno o escribe.",
    micBusy: "No se pudo abrir el micrófono: quizá lo usa otro programa. Puedes escribir.",
    micInsecure: "El navegador solo da el micrófono a páginas seguras (https) y a este equipo. Puedes escribir.",
    micReady: "El micrófono está abierto. Mantén pulsado el botón y habla.", tooShort: "Mantén pulsado el botón mientras hablas.",
    cannotPlay: "Este navegador no puede reproducir la respuesta. Las respuestas aparecen como texto.",
    broken: "La imagen falló y se ha vuelto a preparar.", noChoices: "No se pudieron listar caras y voces: {reason}",
    busy: "No quedan plazas. Vuelve a intentarlo en {seconds} s.", unreachable: "No se pudo llegar al servidor.",
    defaultVoice: "La voz del idioma", preview: "Escuchar a {name}", stopPreview: "Parar", remove: "Borrar {name}",
    yours: "tuya", sentence: "Hola. Así sueno cuando hablo contigo.",
    faceTitle: "Añadir una cara", faceAdvice: "Una foto de una persona que mira a la cámara, con la boca cerrada y buena luz.",
    voiceTitle: "Añadir una voz", voiceAdvice: "Diez segundos de habla de una persona, sin ruido ni música. Las respuestas se dicen con una voz que se le parece.",
    choosePhoto: "Elegir una foto", chooseSound: "Elegir una grabación", camera: "Usar la cámara", record: "Grabar", take: "Hacer la foto", stop: "Parar",
    recordingFor: "Grabando: {seconds} s", consentFace: "Soy yo, o la persona mostrada acepta que se la muestre hablando.",
    consentVoice: "Es mi voz, o la persona que se oye está de acuerdo.", needConsent: "Marca la casilla: sin consentimiento no se acepta.",
    needFile: "Primero elige o haz una.", adding: "Añadiendo…", cameraDenied: "No hay cámara o se ha denegado. Elige un archivo.",
    silence_wait: "Espera del silencio", transcript: "Entender", first_token: "Pensar", first_clause: "Primeras palabras",
    first_speech: "Voz", first_media: "Imagen", onScreen: "Camino a la pantalla",
    c1012: "El servidor se está reiniciando.", c1013: "Hay demasiadas personas conectadas.", c1009: "Un mensaje era demasiado grande.", c1011: "El servidor tuvo un fallo.",
    c4401: "Falta la clave o no es correcta.", c4403: "La dirección de esta página no puede usar el servidor.", c4404: "La conversación anterior no pudo continuar.",
    c4408: "La sesión llegó a su límite de tiempo.", c4409: "La conversación sigue en otra ventana.", c4410: "La respuesta no se estaba reproduciendo.",
    c4429: "Se alcanzó el límite de esta clave.", c1006: "Se perdió la conexión.",
  },
  zh: {
    skip: "跳到文字输入框", choices: "形象与声音", conversation: "对话", close: "关闭",
    language: "语言", face: "形象", voice: "声音", addFace: "添加形象…", addVoice: "添加声音…",
    answer: "虚拟人的回答", unmute: "点按收听回答", handsFree: "免提", interrupt: "打断",
    typeHere: "输入文字", send: "发送", nothingSaid: "双方说的话会显示在这里。",
    synthetic: "画面和声音均为合成：由计算机生成，并非真人讲话。",
    lastAnswer: "上次回答用时", name: "名称", cancel: "取消", add: "添加", connect: "连接",
    keyTitle: "此服务器需要密钥", key: "密钥", keyKept: "保留到关闭此标签页为止。",
    hold: "按住说话", holdHint: "按住按钮或空格键说话", stopListening: "停止聆听",
    handsFreeHint: "直接说话即可，说话会打断回答", releaseHint: "松开发送",
    you: "你", avatar: "虚拟人", interrupted: "被打断", newConversation: "新的对话从这里开始",
    connecting: "正在连接…", ready: "就绪", listening: "正在聆听…", thinking: "正在思考…", speaking: "正在回答",
    line: "排在第 {position} 位，约 {seconds} 秒", lineShort: "排在第 {position} 位", offline: "连接中断，{seconds} 秒后重试…",
    retrying: "正在重新连接…", stopped: "未连接", tryAgain: "重新连接", useHere: "在此继续",
    micDenied: "麦克风被拒绝。请在地址栏中允许，或改用文字。",
    micAbsent: "没有找到麦克风。请接上麦克风，或改用文字。",
    micBusy: "无法打开麦克风：可能正被其他程序使用。可以改用文字。",
    micInsecure: "浏览器只允许安全页面（https）或本机使用麦克风。可以改用文字。",
    micReady: "麦克风已开启。按住按钮说话。", tooShort: "说话时请按住按钮。",
    cannotPlay: "此浏览器无法播放回答，回答将以文字显示。",
    broken: "画面出错，已重新准备。", noChoices: "无法列出形象和声音：{reason}",
    busy: "名额已满，请在 {seconds} 秒后再试。", unreachable: "无法连接服务器。",
    defaultVoice: "该语言的默认声音", preview: "试听{name}", stopPreview: "停止", remove: "删除{name}",
    yours: "你的", sentence: "你好，我和你说话时就是这个声音。",
    faceTitle: "添加形象", faceAdvice: "一张单人照片：看着镜头、闭着嘴、光线充足。",
    voiceTitle: "添加声音", voiceAdvice: "十秒钟单人讲话，没有噪音和音乐。之后会用相似的声音来回答。",
    choosePhoto: "选择照片", chooseSound: "选择录音", camera: "使用摄像头", record: "录音", take: "拍照", stop: "停止",
    recordingFor: "正在录音：{seconds} 秒", consentFace: "这是我本人，或画面中的人已同意。",
    consentVoice: "这是我的声音，或录音中的人已同意。", needConsent: "请勾选：未经同意不予接受。",
    needFile: "请先选择或录制。", adding: "正在添加…", cameraDenied: "摄像头被拒绝或不存在，请选择文件。",
    silence_wait: "等待停顿", transcript: "识别", first_token: "思考", first_clause: "首句",
    first_speech: "声音", first_media: "画面", onScreen: "传到屏幕",
    c1012: "服务器正在重启。", c1013: "连接人数过多。", c1009: "消息过大。", c1011: "服务器出现故障。",
    c4401: "密钥缺失或错误。", c4403: "此页面的地址不能使用该服务器。", c4404: "之前的对话无法继续。",
    c4408: "会话已达时间上限。", c4409: "对话已转到另一个窗口。", c4410: "回答没有在播放。",
    c4429: "已达到该密钥的限额。", c1006: "连接中断。",
  },
};

let language = "en";

/** The text of that name, with `{name}`s filled in from `values`. */
export function say(name, values = {}) {
  const text = WORDS[language][name] ?? WORDS.en[name] ?? name;
  return text.replace(/\{(\w+)\}/g, (whole, key) => String(values[key] ?? whole));
}

/** Whether there is such a text. */
export const known = (name) => name in WORDS.en;

/** Changes the page's language and every marked element in it. */
export function speakLanguage(code) {
  language = code in WORDS ? code : "en";
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-words]")) element.textContent = say(element.dataset.words);
  for (const element of document.querySelectorAll("[data-words-label]")) element.setAttribute("aria-label", say(element.dataset.wordsLabel));
  for (const element of document.querySelectorAll("[data-words-placeholder]")) element.placeholder = say(element.dataset.wordsPlaceholder);
}
