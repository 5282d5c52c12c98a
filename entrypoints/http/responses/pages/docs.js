"use strict";

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const followTheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
followTheme();
dark.addEventListener("change", followTheme);

// An operation has about a dozen error responses. Each is one line that you can expand.
const FoldedRefusals = (system) => {
  const { createElement, Fragment, useState } = system.React;
  const summary = (props, isOpen, toggle) => {
    const Markdown = system.getComponent("Markdown", true);
    const button = createElement(
      "button",
      { type: "button", className: "fold", "aria-expanded": isOpen, onClick: toggle },
      props.code,
    );
    return createElement(
      "tr",
      { className: "refusal" },
      createElement("td", { className: "response-col_status" }, button),
      createElement(
        "td",
        { className: "response-col_description" },
        createElement(Markdown, { source: props.response.get("description") }),
      ),
    );
  };
  const fold = (Response) =>
    function FoldedResponse(props) {
      const [isOpen, setOpen] = useState(false);
      if (props.code < "400") {
        return createElement(Response, props);
      }
      return createElement(
        Fragment,
        null,
        summary(props, isOpen, () => setOpen(!isOpen)),
        isOpen && createElement(Response, props),
      );
    };
  return { wrapComponents: { response: fold } };
};

SwaggerUIBundle({
  url: document.getElementById("swagger-ui").dataset.document,
  dom_id: "#swagger-ui",
  plugins: [FoldedRefusals],
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  defaultModelExpandDepth: 0,
  defaultModelRendering: "example",
  tryItOutEnabled: false,
  // The validator badge would send this document to another host.
  validatorUrl: null,
});
