package engine

// The prices of preparing, in instructions of the virtual machine. They decide what is refused, so they are constants.
const (
	askPrice  = 500  // of a question to the authorizer: SQLite has looked at a table, a column or a function
	askGrowth = 10   // so many questions to one statement before raise the price of the next by one
	planPrice = 2000 // of StepUnit checks while SQLite plans
)

// spend tells the connection what has been used up, and whether the statement ends.
func (c *Conn) spend(instructions int) bool {
	return c.Spend != nil && c.Spend(instructions)
}

// ask is a question to the authorizer.
func (c *Conn) ask() bool {
	c.asked++
	return c.spend(askPrice + c.asked/askGrowth)
}

// progress is called after each StepUnit instructions, and checks while SQLite plans.
func (c *Conn) progress() bool {
	if c.preparing {
		return c.spend(planPrice)
	}
	return c.spend(StepUnit)
}
