import { expect, test } from "vitest";
import { imageType, renderingOf } from "../src/artifacts/rendering";
import { framed } from "../src/run/Sandbox";

const none = () => Promise.reject(new Error("nothing is loaded"));

test("what a renderer returned is checked", async () => {
  expect(await renderingOf({ kind: "markdown", content: "# a" }, none)).toEqual({ kind: "markdown", text: "# a" });
  expect(await renderingOf({ kind: "table", content: "[{\"a\": 1}]" }, none)).toEqual({ kind: "table", json: [{ a: 1 }] });
  expect(await renderingOf({ kind: "html", content: { artifact: "ab" } }, (href) => Promise.resolve(href))).toEqual({ kind: "html", text: "/v1/artifacts/ab" });
  await expect(renderingOf({ kind: "script", content: "" }, none)).rejects.toThrow("unknown kind");
  await expect(renderingOf({ kind: "image", content: "PHN2Zz4=" }, none)).rejects.toThrow("no PNG");
  await expect(renderingOf({ kind: "markdown", content: { a: 1 } }, none)).rejects.toThrow("no text");
});

test("a picture is a picture", () => {
  expect(imageType("iVBORw0KGgo=")).toBe("image/png");
  expect(() => imageType("iVBOR\" onerror=\"alert(1)")).toThrow("no PNG");
});

test("the policy of a frame comes before what it shows", () => {
  expect(framed("<script>alert(1)</script>").indexOf("Content-Security-Policy")).toBeLessThan(framed("<script>").indexOf("<script>"));
});
