"use strict";

// api is the URL of an API route of the application that the user has connected.
const api = (bundle, path = "") => {
  const { url, application } = bundle.authData;
  return `${url.replace(/\/+$/, "")}/api/v1/app/${encodeURIComponent(application)}${path}`;
};

const authentication = {
  type: "custom",
  fields: [
    { key: "url", label: "Server", required: true, helpText: "Where your provider's Fanfare is, such as `https://hooks.example.com`." },
    { key: "application", label: "Application", required: true, helpText: "The id or uid of your application there." },
    { key: "key", label: "API key", required: true, type: "password", helpText: "One for this application alone is best: `fanfare key create --app …`." },
  ],
  test: async (z, bundle) => (await z.request({ url: api(bundle) })).data,
  connectionLabel: "{{name}}",
};

// authorize has each request to the server carry the key.
const authorize = (request, z, bundle) => {
  if (bundle.authData?.key && request.url.startsWith(bundle.authData.url)) {
    request.headers.Authorization = `Bearer ${bundle.authData.key}`;
  }
  return request;
};

// explain shows what the server says is wrong in place of its status alone.
const explain = (response, z) => {
  if (response.status < 400 || (response.status === 409 && response.skipThrowForStatus)) return response;
  let detail = response.content;
  try {
    const said = JSON.parse(response.content);
    detail = Array.isArray(said.detail) ? said.detail.map((d) => `${d.loc?.at(-1)}: ${d.msg}`).join("; ") : said.detail;
  } catch {
    // It is no answer of the server's own.
  }
  const code = response.status === 401 ? "AuthenticationError" : "RequestError";
  throw new z.errors.Error(detail || `The server answered ${response.status}.`, code, response.status);
};

module.exports = { api, authentication, authorize, explain };
