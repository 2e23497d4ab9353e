/** Makes a refusal in the form of the specification (distribution-spec, "Error Codes"). */
export function refusal(
  status: number,
  code: "UNAUTHORIZED" | "DENIED" | "TOOMANYREQUESTS",
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return Response.json({ errors: [{ code, message, detail: null }] }, { status, headers });
}
