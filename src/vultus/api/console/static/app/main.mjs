// Starts the console: the language, the theme, who is signed in; then draws, and draws again when one of them changes.
import { render } from "preact";
import { html } from "./html.mjs";
import { language, startLanguage } from "./i18n.mjs";
import { Layout } from "./layout.mjs";
import { session, startSession } from "./session.mjs";
import { SignIn, Starting } from "./sign-in.mjs";
import { useStore } from "./store.mjs";
import { show as showTheme } from "./theme.mjs";

function Console() {
  useStore(language);
  const { phase, problem } = useStore(session);
  if (phase === "open") return html`<${Layout} />`;
  if (phase === "out") return html`<${SignIn} problem=${problem} />`;
  return html`<${Starting} problem=${problem} />`;
}

showTheme();
const entered = startSession(); // first of all takes a key out of the address
await startLanguage();
render(html`<${Console} />`, document.getElementById("console"));
await entered;
