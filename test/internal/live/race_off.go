//go:build linux && !race

package live

// RaceDetector tells whether the tests have the race detector.
const RaceDetector = false
