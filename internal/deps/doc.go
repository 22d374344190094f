// Package deps holds the rules of who may import whom in this repository,
// each with its reason, and the test that checks them. It has no code to call.
//
// The tree has four floors, and imports go downwards only:
//
//	4  cmd, test, examples
//	3  core, sdk
//	2  plugins, client
//	1  api, internal
package deps
