// The whole flow with Node's fetch: node with_fetch.mjs http://localhost:8000
const api = process.argv[2];
const email = `node.${process.pid}.${Date.now()}@example.com`;
const password = "correct horse battery";
const tea = { items: [{ name: "tea", quantity: 2, price: 4.5 }], total_price: 9.0 };
const headers = { "Content-Type": "application/json" };

const call = (method, path, body, more = {}) =>
  fetch(new URL(path, api), {
    method,
    headers: { ...headers, ...more },
    body: body && JSON.stringify(body),
  });

let answer = await call("POST", "/register/", { email, password });
console.log("register", answer.status);

const form = new URLSearchParams({ username: email, password });
answer = await fetch(new URL("/token/", api), { method: "POST", body: form });
console.log("token", answer.status);
headers.Authorization = `Bearer ${(await answer.json()).access_token}`;

await call("POST", "/orders/", tea);
answer = await call("POST", "/orders/", tea);
console.log("create", answer.status);
const order = answer.headers.get("Location");

answer = await call("GET", order);
console.log("read", answer.status, answer.headers.get("X-Cache"));

answer = await call("PATCH", order, { status: "PAID" }, { "If-Match": answer.headers.get("ETag") });
console.log("patch", answer.status);

answer = await call("GET", "/orders/?limit=1");
const [, next] = answer.headers.get("Link").match(/^<(.*)>; rel="next"$/);
console.log("list", answer.status, "next", (await call("GET", next)).status);

answer = await call("GET", `${order.replace(/\/$/, "")}/history/`);
console.log("history", answer.status);

answer = await call("GET", "/orders/00000000-0000-7000-8000-000000000000/");
console.log("error", answer.status, (await answer.json()).code);
