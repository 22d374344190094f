package pluginrpc

// The numbers of rule P-34: TestElementsAreAsSmallAsThePageSays holds the messages against
// them, and TestThePageHasTheRoomForElements the page.
const (
	ElementBytes   = 152
	ElementsTaken  = 200_000
	ElementRoom    = elementRoom
	ElementsPerLen = elementsPerLen
	WeighedFrom    = weighedFrom
)
