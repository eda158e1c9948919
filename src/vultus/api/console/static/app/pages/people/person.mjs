// One person: who it is, the photos, what is kept beside them, and what can be done.
import { useEffect, useRef, useState } from "preact/hooks";
import { get } from "../../api.mjs";
import { html } from "../../html.mjs";
import { moment, t } from "../../i18n.mjs";
import { Icon } from "../../icons.mjs";
import { AsCode } from "../../parts/as-code.mjs";
import { LastChange } from "../../parts/person/last-change.mjs";
import { PersonName, Portrait, nameOf } from "../../parts/person/portrait.mjs";
import { ProblemNote } from "../../parts/problem.mjs";
import { go, link } from "../../router.mjs";
import { session } from "../../session.mjs";
import { Actions } from "./actions.mjs";
import { AddPhotos } from "./add-photos.mjs";
import { pathOf, pythonOf } from "./calls.mjs";
import { Details } from "./details.mjs";
import { Faces } from "./faces.mjs";
import { Receipt } from "./receipt.mjs";

const GONE = ["subject_not_found", "collection_not_found"];

export function Person({ subject, collection }) {
  const { person, faces, problem, again } = usePerson(collection, subject);
  const [end, setEnd] = useState(null); // what erasing the person came to
  if (end?.receipt) return html`<${Receipt} erased=${end.receipt} />`;
  if (end?.gone || GONE.includes(problem?.code)) return html`<${Gone} subject=${end?.gone ?? subject} erased=${Boolean(end)} />`;
  if (problem && !person) return html`<div class="page"><${Back} /><h1><bdi>${subject}</bdi></h1><${ProblemNote} problem=${problem} /></div>`;
  if (!person) return html`<p class="hint" aria-busy="true">…</p>`;
  const undone = ({ subject: back }) => (back.subject === subject ? again() : go("people", back.subject));
  return html`
    <div class="page">
      <${Back} />
      <${Head} person=${person} />
      <${LastChange} onUndone=${undone} />
      ${problem && html`<${ProblemNote} problem=${problem} />`}
      <${Actions} person=${person} onChanged=${again} onEnd=${setEnd} />
      <${Faces} person=${person} faces=${faces} onChanged=${again} />
      ${session.get().may("enroll") && html`<${AddPhotos} person=${person} onAdded=${again} />`}
      <${Details} person=${person} onChanged=${again} />
      <${AsCode} path=${pathOf(person)} python=${`person = ${pythonOf(person, "get")}\nfaces = ${pythonOf(person, "faces")}`} />
    </div>
  `;
}

// The person and the faces; again() asks once more, and what was shown stays until the answer.
function usePerson(collection, subject) {
  const [found, setFound] = useState({});
  const [times, setTimes] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    const path = pathOf({ collection, subject });
    const asked = ["", "/faces"].map((rest) => get(path + rest, {}, { signal: stop.signal }));
    Promise.all(asked).then(
      ([person, { faces }]) => setFound({ person, faces }),
      (problem) => problem.name !== "AbortError" && setFound((now) => ({ ...now, problem })),
    );
    return () => stop.abort();
  }, [times]);
  return { ...found, again: () => setTimes((before) => before + 1) };
}

export const Back = () => html`<p><a class="back" href=${link("people")}><${Icon} name="back" />${t("people.back")}</a></p>`;

const Head = ({ person }) => html`
  <header class="person-head">
    <${Portrait} person=${person} size=${256} />
    <div>
      <h1><${PersonName} person=${person} /></h1>
      <p class="hint">
        ${nameOf(person) !== person.subject && html`${t("people.id")} <bdi><code>${person.subject}</code></bdi> · `}
        ${t("people.faces", { count: person.faces })} · ${t("people.added", { moment: moment(person.created_at, { dateStyle: "medium" }) })}
      </p>
      ${person.expires_at && html`<p class="tag warn">${t("people.expires", { moment: moment(person.expires_at) })}</p>`}
    </div>
  </header>
`;

// erased: it was found out by erasing, in this window, somebody who was erased in another one.
function Gone({ subject, erased }) {
  const title = useRef();
  useEffect(() => title.current.focus(), []);
  return html`
    <div class="page" role="status">
      <${Back} />
      <h1 tabindex="-1" ref=${title}>${t(erased ? "people.gone_already" : "people.gone")}</h1>
      <p>${t(erased ? "people.gone_already_what" : "people.gone_what")}</p>
      <p class="hint">${t("people.id")} <bdi><code>${subject}</code></bdi></p>
    </div>
  `;
}
