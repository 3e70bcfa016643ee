/**
 * The page of the API: shows `/openapi.json` by Swagger UI, in the colours that the user's system
 * asks for. The streams below stand in the page as it comes.
 *
 * @module
 */

const dark = matchMedia("(prefers-color-scheme: dark)");

function paint() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

dark.addEventListener("change", paint);
paint();

/** @type {any} what its script leaves behind */
const { SwaggerUIBundle } = globalThis;
SwaggerUIBundle({
  url: "/openapi.json",
  domNode: document.querySelector("#routes"),
  deepLinking: false,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  // Else an address of the API could make the page show somebody else's document,
  queryConfigEnabled: false,
  // and its validator is another host.
  validatorUrl: null,
});
