// Enrolls one photo of an import: for the person of its folder, whose name is given only where it is new or was edited,
// so that a person who is enrolled keeps the name.
import { address, get, postForm } from "../../api.mjs";
import { session } from "../../session.mjs";

// {state: "enrolled" or "there", cautions, faceId}, or "refused" with its problem. Raises Problem, when the whole call is refused.
export async function enrollPhoto(photo, collection, signal) {
  const { person, file, face } = photo;
  const known = await (person.known ??= enrolled(person, collection, signal).catch((problem) => {
    person.known = null;
    throw problem;
  }));
  const name = person.edited || known === "nobody" ? person.name : null;
  const form = { img: file, collection, subject: person.into ?? person.subject, name, face };
  const answer = await postForm("enroll", form, { signal });
  const [made] = answer.faces;
  if (!made) return { state: "refused", problem: { code: answer.rejected[0].error, detail: answer.rejected[0].detail } };
  return { state: made.created ? "enrolled" : "there", cautions: answer.cautions ?? [], faceId: made.face_id };
}

// "somebody", "nobody" or, where the key may not look, "unknown".
async function enrolled({ subject, into }, collection, signal) {
  if (into) return "somebody";
  if (!session.get().may("read")) return "unknown";
  try {
    await get(address`collections/${collection}/subjects/${subject}`, {}, { signal });
    return "somebody";
  } catch (problem) {
    if (problem.status === 404) return "nobody";
    throw problem;
  }
}
