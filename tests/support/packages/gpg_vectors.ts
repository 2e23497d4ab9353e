/**
 * Signatures by GnuPG 2.2, also with digests that openpgp does not sign with. The key was made on 1 January 2026 and has
 * no end; the signatures are of 2 January 2026, over {@link SIGNED_TEXT}.
 */

/** What is signed in clear text. */
export const SIGNED_TEXT = "Suite: stable\n- dash";

/** The key that signed, armored. */
export const GPG_KEY = `-----BEGIN PGP PUBLIC KEY BLOCK-----

mQENBGlVuQABCADeVHUmEvhzL1+PmI9IuEbphRlxw4Ey/WbSGcRnoKtZjAw06vpC
xeAuJHN6j7XrwzPhkfMwdGD37YFQKfVIOPBbt3zTcWzbeaa/ZBd0S1Oyau9Lbzsl
EAHJx8Xd4nphMM8G5PP8qkPKpj6hBEfKdEa8sK82h/7aV776qQ2CWGlgrRNndJYE
zMS2Z2gF4wim3Za8mDOyju/ArfNJgtjwkp5YPprrhQQTazQERkdFSR7LmMgvuzxt
MsBJOr+89ayrTlFXeiTy3l6IqHUFXVe1sITHeD5YdzuLrSQcSML0G/VMsf9WtScy
2rSyW3Lw556xG23SRTE66Kant5VhjR2rlHwnABEBAAG0DFRlc3QgdmVjdG9yc4kB
TgQTAQoAOBYhBFJ3oAHD1zqELUNt6DYxiWafouPaBQJpVbkAAhsvBQsJCAcCBhUK
CQgLAgQWAgMBAh4BAheAAAoJEDYxiWafouPaKcQIANgN4Z4VB48zp2ckjoqxNFFC
5HS8vWcVfLqDnj6oiUkot3Xye1FrWsjdgW/cuODjKQKw9JTDvvVsEah6y12NlwnF
IC//wOUaRCTTVGnmDlGv1nPnPCxGbo0UhMKuxM+rkflumC6RzwH5o1pvC+lV7gDn
0hqQGXdldVsQe5SiP0w28+LRA+sGag+mQVLWYokdjwoRRBrOfnPvn5ClxLgo+0ai
VdoFmtWZJ1ym4ZLOzuE71KD2on0U733KqHsbYtnbglHzejBEWreSxVzJfEJpEAor
9+50WceNnSvfKlRtbdry2AZTXmjHp92BrZAO9HxxRby8uN442M25bCeqX7ZRLQE=
=rtrN
-----END PGP PUBLIC KEY BLOCK-----
`;

/** Detached signature over the text with a line break at its end, in base64. */
export const GPG_DETACHED =
  "iQEzBAABCgAdFiEEUnegAcPXOoQtQ23oNjGJZp+i49oFAmlXCoAACgkQNjGJZp+i49oQcQgArtTJ91b4XSAZWOdvjXBEzfrqRt818LxajeZ5q6dwxku3VxZSE4IHox3JI2nNMgWnjZfseC2IER+BXTP3vdPJmhaPzuHdVbRbTevVkVwW6t39F8hfMFBYob8JnasLZekqWjZT/3T8PMFZqD5X0Q89pleIykK/cTLT3YTIagf2AsE39ZES/YNZDZrGLgMgs02WMIKNrqGl0+lo78zPhKkR5UVToDUN8eA2SoJSq1nbsUbPRQGLjz2EnSkdNjozL0L0jrl/dSYK1EpxQKb7/CocB1QkyOhQwtPWskYMpneCca0fxxveqlRSLmNmrSZLWi348KM42hrhiEERttHE+JRBoA==";

const SIGNATURES = {
  SHA512: `-----BEGIN PGP SIGNATURE-----

iQEzBAEBCgAdFiEEUnegAcPXOoQtQ23oNjGJZp+i49oFAmlXCoAACgkQNjGJZp+i
49oQiQf6A/36q14Mkln9iu3f+T+guc7QuaGvMSKILsrkUJvxBD2DsBeJ9bGUq9uw
qeZxblHE5RNzVc7qzJQwERvNL73VyQ9p4+wjiTpXTKCuFmfPV4BrRNHBYK8mhOnu
YKJOqItS6ntaD8p+x0rpbZ+ne/nqnMcCcqo4G8RYpSDja5XNXRHQ0zwDI3XiUoLc
g5iit3AL5Ewg1gplK7OgsOu9lyYlt2yFYGMRISI90angoe35l1Vs0PwsDEIVftC4
GxYVaYTprMWGNmVjeuIMDb7XDbKyTL0yFd75rFzb32sYseN/ZLx/2IiW8JMBAIYo
FU6Bioo7YJJqKIEOoSA159XnCJY3IQ==
=34Ug
-----END PGP SIGNATURE-----`,
  SHA1: `-----BEGIN PGP SIGNATURE-----

iQEzBAEBAgAdFiEEUnegAcPXOoQtQ23oNjGJZp+i49oFAmlXCoAACgkQNjGJZp+i
49oeUgf/TF7GMvjkTpZI0SOrbFPeDDHeCb3nCzKh8achD8rbFDEORF3vL9hZp5z/
xL6HBFNSn9bTi3fP93L/sHSm3Bzx0Xeo8LN/E6J5xfP7+oZK/3Ktno4AghPKMMPh
KLLXIq+0Q1vGwpz2HCv+FyHK7FXiRXfjAFVW8ywE7wDDOfolWkL/S2aJVYXn2/42
qCvofqjb9gBgD3SjWtnUfLWfO5syKVM0Lejf6C7i1YMyDcmbCBKtNBQAYttW9s2q
0yRMulHLWe42IU3EhvxD+fgnMInxeWy6sdP6TQ3v+fEptm4U6zQ3fhoOB0IUQ9rs
CHuWu1P+Q0ZNLoBo9YCHejrBGHg40g==
=gP8L
-----END PGP SIGNATURE-----`,
  MD5: `-----BEGIN PGP SIGNATURE-----

iQEzBAEBAQAdFiEEUnegAcPXOoQtQ23oNjGJZp+i49oFAmlXCoAACgkQNjGJZp+i
49rwmwgA3fNFIMAwOVgPFmik0PDbt8QeX2YAnzaUZHHAqxDnCMbjGrTpR6111gAi
tpgbLbgQITa0Am77XZIyjrVxxm/9YI7sPAauS6YcmFl5StuKa8mSc7grAopRty3r
NxeEoU3fGB5We2zweUe2Hletb07inuRVDNPLFPTCpSOtb4CKW2k1OMjjhe0WSz+M
A+kGRa2ybEjImbhTjcMOjvtxr7KgOMBlVqJCt2Q0WWK3wWDgt39o5hE14LKDgJ5g
7kLmT1QeECB3r0v3PXonHoQ97l5E9K/j3w822yJXVO5PgfDScmMtbNbEgGIRe1Zo
AHbgNaXrmxHGdxmK2/JXU3DWeeMHAQ==
=TE5G
-----END PGP SIGNATURE-----`,
  /** SHA512; expired a day after it was made. */
  expired: `-----BEGIN PGP SIGNATURE-----

iQE5BAEBCgAjFiEEUnegAcPXOoQtQ23oNjGJZp+i49oFAmlXCoAFgwABUYAACgkQ
NjGJZp+i49okaggAtigrkJ5macyEaDuMkNk7gUib5jQjLA58OK+VD+7TbZWIrsLw
Xz7w8nYUWp71XGDjcvwFeZtlQrMC33IGUUNsQAeJgESB39J+EOkIohT7Ct7o+cf3
T+qLuE1qt9UkKdN8T4IRBhM3ZvipJIXUr/y5x9z9PXzKfVy/SCGjP95yMHol45ea
qOJyA+M3LRySLwzwlnHG7FdqB8enNIE98jCtZwbIb0NKdyFIodNFe1cwJWGYV5+U
5glTxwoO/McfWEwmHEuBvhecD90A8ccy+xLiImUihH0kn97WhgaX1P/aIyOJSRbd
GHFPstexL/S+hJRGWPQjEF/7bih6s6sTQxGO4g==
=rSTp
-----END PGP SIGNATURE-----`,
};

/** Returns the text signed in clear text. */
export function clearSigned(kind: keyof typeof SIGNATURES): string {
  const hash = kind === "expired" ? "SHA512" : kind;
  const text = SIGNED_TEXT.replace(/^-/gm, "- -");
  return `-----BEGIN PGP SIGNED MESSAGE-----\nHash: ${hash}\n\n${text}\n${SIGNATURES[kind]}\n`;
}
