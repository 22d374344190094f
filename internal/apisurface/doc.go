// Package apisurface holds what other modules can name of this one: a file in
// testdata for each package that embedders, clients and plugins import. Its test
// compares them with the code, so that a change of the API is one that a review
// sees:
//
//	go test ./internal/apisurface -update
package apisurface
