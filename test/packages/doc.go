// Package packages tests what operators install: that the package for Debian is well
// made, has the same bytes each time, and can be installed, upgraded and removed.
package packages
