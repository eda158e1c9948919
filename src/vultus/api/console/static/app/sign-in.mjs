// The way in: a key, or the sentence why the one of this tab is refused; and what is shown while the server starts.
import { useState } from "preact/hooks";
import { html } from "./html.mjs";
import { has, t } from "./i18n.mjs";
import { LanguageChoice, ThemeChoice } from "./choices.mjs";
import { ProblemNote } from "./parts/problem.mjs";
import { signIn } from "./session.mjs";

export function SignIn({ problem }) {
  const [key, setKey] = useState("");
  const [waits, setWaits] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    if (!key.trim()) return;
    setWaits(true);
    await signIn(key.trim());
    setWaits(false);
  };
  return html`
    <main class="door-step">
      <form class="card" onSubmit=${submit}>
        <h1 class="brand">Vultus</h1>
        <p>${t("sign_in.what")}</p>
        ${problem && html`<${ProblemNote} problem=${problem} />`}
        <label class="field">
          <span>${t("sign_in.key")}</span>
          <input type="password" autocomplete="off" spellcheck=${false} autofocus required value=${key}
            onInput=${(event) => setKey(event.target.value)} aria-describedby="key-hint" />
        </label>
        <p class="hint" id="key-hint">${t("sign_in.hint")}</p>
        <pre class="line" dir="ltr">vultus keys create "Front desk" --scope find --scope read --link</pre>
        <button class="button primary" disabled=${waits}>${t("sign_in.enter")}</button>
      </form>
      <p class="quiet-row"><${LanguageChoice} /><${ThemeChoice} /><a href="docs">${t("layout.api")}</a></p>
    </main>
  `;
}

export const Starting = ({ problem }) => html`
  <main class="door-step" aria-busy="true">
    <div class="card" role="status">
      <h1 class="brand">Vultus</h1>
      <p>${problem ? (has(`error.${problem.code}`) ? t(`error.${problem.code}`) : problem.detail) : "…"}</p>
    </div>
  </main>
`;
