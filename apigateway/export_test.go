package apigateway

// DivideInto makes jobs of n connections at most.
func (d *Deliverer) DivideInto(n int) { d.perJob = n }
