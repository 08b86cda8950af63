// Package gost implements the Russian signature and hash standards:
// GOST R 34.10-2012 (RFC 7091) on every curve the practice allows and
// Streebog, GOST R 34.11-2012 (RFC 6986).
//
// It knows octets and curves only. Certificates, key files and signature
// containers belong to the packages above it; it calls nothing of this module.
// The 2001 standard, the 1994 hash and the test parameter sets are left out on
// purpose: a key on them is a refusal, not a choice.
//
// Octet orders, all proven against another implementation by the tests: a public
// key is X little-endian then Y little-endian, a private key is a little-endian
// number, a signature is s then r, each big-endian, and a digest is the hash's
// output as it is, read as a little-endian number.
package gost

//go:generate go run internal/gen/write.go
