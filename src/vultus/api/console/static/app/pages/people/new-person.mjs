// Adds a person by one photo and a name; and what stands there while nobody is enrolled.
import { useState } from "preact/hooks";
import { html } from "../../html.mjs";
import { t } from "../../i18n.mjs";
import { Icon } from "../../icons.mjs";
import { Dialog } from "../../parts/dialog.mjs";
import { DropTarget } from "../../parts/drop-target.mjs";
import { EnrollForm } from "../../parts/enroll-form.mjs";
import { link } from "../../router.mjs";
import { session } from "../../session.mjs";

export function NewPerson({ collection, onClose }) {
  const [file, setFile] = useState(null);
  const enrolled = ({ subject }) => (location.hash = link("people", subject));
  if (file) return html`<${EnrollForm} file=${file} area=${null} collection=${collection} onClose=${onClose} onEnrolled=${enrolled} />`;
  return html`
    <${Dialog} title=${t("people.add")} onClose=${onClose}>
      <${DropTarget} label=${t("people.add_drop")} onPhoto=${setFile} />
      <p><a href=${link("add")}>${t("people.add_many")}</a></p>
    <//>
  `;
}

export const Nobody = ({ onAdd }) => html`
  <div class="card empty">
    <${Icon} name="people" />
    <h2>${t("people.nobody")}</h2>
    ${session.get().may("enroll")
      ? html`<p>${t("people.nobody_add")}</p><button type="button" class="button primary" onClick=${onAdd}><${Icon} name="add" />${t("people.add_first")}</button>`
      : html`<p>${t("people.nobody_ask")}</p>`}
  </div>
`;
