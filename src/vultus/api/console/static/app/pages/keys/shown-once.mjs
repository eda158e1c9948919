// A new key, which no page can show again: as it is, as a link that signs in, and as programs use it.
import { html } from "../../html.mjs";
import { moment, t } from "../../i18n.mjs";
import { Icon } from "../../icons.mjs";
import { Snippet } from "../../parts/as-code.mjs";
import { Dialog } from "../../parts/dialog.mjs";

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

// made: the answer of POST /keys, or of a rotation.
export function ShownOnce({ made, onClose }) {
  const base = new URL(".", document.baseURI).href.replace(/\/$/, "");
  return html`
    <${Dialog} title=${t("keys.made")} onClose=${onClose}>
      <div class="stack">
        <p class="note warn" role="status"><${Icon} name="key" /><span>${t("keys.once")} <strong><bdi>${made.name}</bdi></strong></span></p>
        <${Snippet} name=${t("keys.key")} text=${made.key} />
        ${made.old_key_until && html`<p>${t("keys.old_until", { time: moment(made.old_key_until) })}</p>`}
        <${Snippet} name=${t("keys.link")} text=${`${base}/console#key=${encodeURIComponent(made.key)}`} />
        <p class="hint">${t("keys.link_what")} ${LOOPBACK.test(location.hostname) && t("keys.link_local")}</p>
        <details>
          <summary>${t("code.title")}</summary>
          <${Snippet} name="curl" text=${`export VULTUS_URL=${base} VULTUS_KEY=${made.key}\ncurl -H "x-api-key: $VULTUS_KEY" "$VULTUS_URL/keys/self"`} />
          <${Snippet} name="Python" text=${"from vultus_client import Client\n\nwith Client() as client:  # VULTUS_URL, VULTUS_KEY\n    print(client.keys.own())"} />
        </details>
        <div class="row"><button type="button" class="button primary" onClick=${onClose}>${t("keys.kept")}</button></div>
      </div>
    <//>
  `;
}
