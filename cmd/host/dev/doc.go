// Package dev is the work of host dev: a cluster on this machine for the author of a plugin,
// who changes its executable again and again.
package dev
