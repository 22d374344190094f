//go:build linux && !race

package e2e

// raceDetector tells that the tests do not have the race detector.
const raceDetector = false
