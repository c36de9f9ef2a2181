package main

// recordCmd answers what information governance asks.
type recordCmd struct {
	Rectification rectificationCmd `cmd:"" help:"Tell of an event that was corrected or withdrawn who had it, who has been told, and who has to be told by a person. That you look is recorded."`
}
