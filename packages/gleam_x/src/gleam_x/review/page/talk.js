// Questions to the server and answers to it; a server that was started again is recognised.

let token = ""; // shows that a write comes from this page
let list = ""; // names the list of pairs that this page shows
let sending = Promise.resolve(); // writes go one after another, so that no draft overtakes its decision

export async function openSession() {
  const session = await ask("/api/session");
  token = session.token;
  list ||= session.list;
  return session;
}

export async function ask(path, body, again = true) {
  const headers = { "content-type": "application/json", "x-gleam-token": token };
  const options = body && { method: "POST", headers, body: JSON.stringify({ ...body, list }), keepalive: true };
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer. Start `gleam-x review serve` again; what was decided is safe.");
  }
  const said = await answer.json();
  if (answer.status === 403 && body && again) {
    await openSession(); // the server was started again and has another token
    return ask(path, body, false);
  }
  if (!answer.ok) throw new Error(said.error);
  return said;
}

export function send(path, body) {
  const answer = sending.then(() => ask(path, body));
  sending = answer.catch(() => {});
  return answer;
}
