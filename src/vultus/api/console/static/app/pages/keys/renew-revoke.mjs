// Gives a key a new secret, or ends it; both say first what follows.
import { useState } from "preact/hooks";
import { address, erase, post } from "../../api.mjs";
import { html } from "../../html.mjs";
import { t } from "../../i18n.mjs";
import { Icon } from "../../icons.mjs";
import { AsCode } from "../../parts/as-code.mjs";
import { Dialog } from "../../parts/dialog.mjs";
import { ProblemNote } from "../../parts/problem.mjs";
import { session } from "../../session.mjs";

const HOUR = 60;
const OVERLAPS = [["keys.overlap_none", 0], ["keys.overlap_hour", HOUR], ["keys.overlap_day", 24 * HOUR], ["keys.overlap_week", 168 * HOUR]];

export function Renew({ named, onClose, onDone }) {
  const [minutes, setMinutes] = useState(HOUR);
  const [sent, setSent] = useState({});
  const renew = (event) => {
    event.preventDefault();
    setSent({ busy: true });
    post(address`keys/${named.id}/rotate`, { overlap_minutes: minutes }).then(onDone, (problem) => setSent({ problem }));
  };
  if (named.scopes.includes("admin")) return html`<${AdminKey} named=${named} onClose=${onClose} />`;
  return html`
    <${Dialog} title=${t("keys.renew")} onClose=${onClose}>
      <form class="stack" onSubmit=${renew}>
        <p><strong><bdi>${named.name}</bdi></strong></p>
        <p>${t("keys.renew_what")}</p>
        <label class="field">
          <span>${t("keys.overlap")}</span>
          <select value=${String(minutes)} onChange=${(event) => setMinutes(Number(event.target.value))}>
            ${OVERLAPS.map(([words, count]) => html`<option value=${String(count)}>${t(words)}</option>`)}
          </select>
        </label>
        ${sent.problem && html`<${ProblemNote} problem=${sent.problem} />`}
        <div class="row">
          <button class="button primary" disabled=${sent.busy}>${t("keys.renew")}</button>
          <button type="button" class="button" onClick=${onClose}>${t("dialog.cancel")}</button>
        </div>
        <${AsCode} method="POST" path=${address`keys/${named.id}/rotate`} json=${{ overlap_minutes: minutes }}
          python=${`print(client.keys.rotate("${named.id}", overlap_minutes=${minutes}).key)`} />
      </form>
    <//>
  `;
}

const isOwn = ({ id }) => id === session.get().key.id;

// Renewed on the server's machine only, so that a stolen one cannot multiply.
const AdminKey = ({ named, onClose }) => html`
  <${Dialog} title=${t("keys.renew")} onClose=${onClose}>
    <div class="stack">
      <p>${t("keys.renew_admin")}</p>
      <pre class="line" dir="ltr">vultus keys rotate ${named.id}</pre>
      <div class="row"><button type="button" class="button" onClick=${onClose}>${t("dialog.close")}</button></div>
    </div>
  <//>
`;

export function Revoke({ named, onClose, onDone }) {
  const [sent, setSent] = useState({});
  const revoke = () => {
    setSent({ busy: true });
    erase(address`keys/${named.id}`).then(() => onDone(), (problem) => setSent({ problem }));
  };
  return html`
    <${Dialog} title=${t("keys.revoke_it")} onClose=${onClose}>
      <div class="stack">
        <p><strong><bdi>${named.name}</bdi></strong></p>
        <p>${t("keys.revoke_what")}</p>
        ${isOwn(named) && html`<p class="note bad"><${Icon} name="unreliable" /><span>${t("keys.revoke_own")}</span></p>`}
        ${sent.problem && html`<${ProblemNote} problem=${sent.problem} />`}
        <div class="row">
          <button type="button" class="button danger" disabled=${sent.busy} onClick=${revoke}>${t("keys.revoke_now")}</button>
          <button type="button" class="button" onClick=${onClose}>${t("dialog.cancel")}</button>
        </div>
        <${AsCode} method="DELETE" path=${address`keys/${named.id}`} python=${`client.keys.revoke("${named.id}")`} />
      </div>
    <//>
  `;
}
