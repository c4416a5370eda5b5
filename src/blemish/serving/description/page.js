// Shows openapi.json, and has an image judged. Texts of the service are never taken for HTML.

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function table(heads, rows) {
  const cells = (kind, values) => element("tr", {}, ...values.map((value) => element(kind, {}, value)));
  return element("table", {}, cells("th", heads), ...rows.map((row) => cells("td", row)));
}

function kindOf(schema = {}) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.anyOf) return schema.anyOf.map(kindOf).join(" | ");
  if (schema.type === "array") return `${kindOf(schema.items)}[]`;
  return schema.format ? `${schema.type}, ${schema.format}` : schema.type || "any";
}

function contentOf(content = {}) {
  return Object.entries(content).map(([media, { schema }]) => `${media}: ${kindOf(schema)}`).join("; ");
}

function route(method, path, told) {
  const parameters = (told.parameters || []).map((one) => [
    one.name, one.in, kindOf(one.schema), one.description || "",
  ]);
  const answers = Object.entries(told.responses).map(([status, one]) => [
    status, one.description, contentOf(one.content),
  ]);
  const body = contentOf(told.requestBody?.content);
  return element(
    "details", {},
    element("summary", {}, element("span", { className: "method" }, method.toUpperCase()),
      element("code", {}, path)),
    element("p", {}, told.description || told.summary || ""),
    ...(parameters.length ? [table(["parameter", "in", "kind", ""], parameters)] : []),
    ...(body ? [element("p", {}, `Body: ${body}`)] : []),
    table(["status", "meaning", "content"], answers),
  );
}

async function showRoutes() {
  const told = await (await fetch("openapi.json")).json();
  document.getElementById("title").textContent = `${told.info.title} ${told.info.version}`;
  document.getElementById("try").hidden = !told.paths["/v1/inspect"];
  const groups = new Map();
  for (const [path, methods] of Object.entries(told.paths)) {
    for (const [method, one] of Object.entries(methods)) {
      const group = one.tags?.[0] || "others";
      groups.set(group, [...(groups.get(group) || []), route(method, path, one)]);
    }
  }
  const shown = [...groups].map(([name, routes]) =>
    element("section", {}, element("h2", {}, name), ...routes));
  document.getElementById("routes").replaceChildren(...shown);
}

async function ask(form, answer) {
  const query = new URLSearchParams({ answer, name: form.get("image").name });
  if (form.get("model")) query.set("model", form.get("model"));
  const headers = form.get("token") ? { Authorization: `Bearer ${form.get("token")}` } : {};
  return fetch(`v1/inspect?${query}`, { method: "POST", body: form.get("image"), headers });
}

async function judge(event) {
  event.preventDefault();
  const form = new FormData(event.target);
  const result = document.getElementById("result");
  result.replaceChildren("Judging…");
  const said = await ask(form, "json");
  const text = element("pre", {}, JSON.stringify(await said.json(), null, 2));
  result.replaceChildren(text);
  if (!said.ok) return;
  const drawn = await ask(form, "overlay");
  if (drawn.ok) {
    const source = URL.createObjectURL(await drawn.blob());
    result.append(element("img", { src: source, alt: "The heat map over the image." }));
  }
}

document.getElementById("try").addEventListener("submit", judge);
showRoutes();
