// Deletes a collection: says what goes, asks for its name, and shows what went.
import { useState } from "preact/hooks";
import { address, erase } from "../../api.mjs";
import { html } from "../../html.mjs";
import { t } from "../../i18n.mjs";
import { AsCode } from "../../parts/as-code.mjs";
import { Dialog } from "../../parts/dialog.mjs";
import { TypedConfirm } from "../../parts/typed-confirm.mjs";
import { collection as chosen, refreshCollections } from "../../session.mjs";

export function DeleteCollection({ of: one, all, onClose, onDone }) {
  const [gone, setGone] = useState(null);
  const name = one.collection;
  const path = address`collections/${name}`;
  const next = () => all.find(({ collection }) => collection !== name)?.collection ?? "default";
  const done = () => onDone(chosen.get() === name ? next() : undefined);
  if (gone) return html`<${Receipt} name=${name} gone=${gone} onClose=${done} />`;
  return html`
    <${Dialog} title=${t("collections.delete_it")} onClose=${onClose}>
      <${TypedConfirm} words=${[name]} hint=${t("collections.for_good")} action=${t("collections.delete_now")} onClose=${onClose}
        onConfirm=${() => erase(path).then(({ deleted }) => (setGone(deleted), refreshCollections()))}>
        <p>${t("collections.what_goes")}</p>
        <ul class="plain">
          <li>${t("collections.people", { count: one.subjects })}</li>
          <li>${t("collections.faces", { count: one.faces })}</li>
          <li>${t("collections.photos_and_rules")}</li>
        </ul>
      <//>
      <${AsCode} method="DELETE" path=${path} python=${`client.collections.erase("${name}")`} />
    <//>
  `;
}

const Receipt = ({ name, gone, onClose }) => html`
  <${Dialog} title=${t("collections.deleted")} onClose=${onClose}>
    <div class="stack" role="status">
      <p><strong><bdi>${name}</bdi></strong></p>
      <ul class="plain">
        <li>${t("collections.people", { count: gone.subjects })}</li>
        <li>${t("collections.faces", { count: gone.faces })}</li>
        <li>${t("collections.photos", { count: gone.photos })}</li>
        ${gone.photos_left > 0 && html`<li>${t("collections.photos_left", { count: gone.photos_left })}</li>`}
      </ul>
      <p class="hint">${t("collections.backups_stay")}</p>
      <div class="row"><button type="button" class="button primary" onClick=${onClose}>${t("dialog.close")}</button></div>
    </div>
  <//>
`;
