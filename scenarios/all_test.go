package scenarios

import "testing"

// scenario is one meeting of people.
type scenario struct {
	name string
	run  func(t *testing.T, in home)
	// not says why it cannot take place on AWS. Whatever can, must.
	not string
}

// scenarios are all there are. Each takes place in both houses.
func scenarios() []scenario {
	return []scenario{
		{name: "TwoPeopleTalk", run: twoPeopleTalk},
		{name: "MentionsNotifyThoseNamed", run: mentionsNotifyThoseNamed},
		{name: "DirectMessagesWaitForTheAbsent", run: directMessagesWaitForTheAbsent},
		{name: "ReactionsAreToldToTheRoom", run: reactionsAreToldToTheRoom},
		{name: "RemovalEndsHearing", run: removalEndsHearing},
		{name: "PresenceGoesToThoseWhoShareARoom", run: presenceGoesToThoseWhoShareARoom},
		{name: "PresenceWithoutASocket", run: presenceWithoutASocket},

		{name: "SyncAfterAbsence", run: syncAfterAbsence},
		{name: "TalkOverABadNetwork", run: talkOverABadNetwork},
		{name: "RepeatsAreOneMessage", run: repeatsAreOneMessage},
		{name: "PagingBothWays", run: pagingBothWays},
		{name: "RestartOnTheSameData", run: restartOnTheSameData},
		{name: "KillAmidSends", run: killAmidSends},
		{name: "DrainLosesNothing", run: drainLosesNothing, not: "there is nothing to drain: a function ends between two events, or is killed, as in KillAmidSends"},

		{name: "Searching", run: searching},
		{name: "SearchingIsForMembers", run: searchingIsForMembers},
		{name: "SearchingFarBack", run: searchingFarBack},

		{name: "Away", run: away},
		{name: "Erasing", run: erasing},
		{name: "FilesTravel", run: filesTravel},
		{name: "FilesInBackups", run: filesInBackups, not: "the bucket and the tables are backed up by AWS; there is no data folder"},
		{name: "FilesOff", run: filesOff, not: "the functions always have a bucket"},

		{name: "BadRequestsGetTheirCode", run: badRequestsGetTheirCode},
		{name: "BadFramesGetTheirCode", run: badFramesGetTheirCode},
		{name: "GarbageCostsOnlyItsOwnConnection", run: garbageCostsOnlyItsOwnConnection},
		{name: "MarkupStaysText", run: markupStaysText},
		{name: "SocketsNeedAnIdentity", run: socketsNeedAnIdentity},
		{name: "LimitsOfSending", run: limitsOfSending},
		{name: "LimitsOfSearching", run: limitsOfSearching},
		{name: "LimitsOfSignIn", run: limitsOfSignIn},
		{name: "LimitsOfSockets", run: limitsOfSockets},
		{name: "LimitsOfFrames", run: limitsOfFrames, not: "no function sees a connection's frames together; the throttle of the stage stands before them"},
	}
}

func TestOnOneMachine(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.run(t, oneMachine{})
		})
	}
}

func TestOnAWS(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios() {
		if s.not != "" {
			t.Logf("not %s: %s", s.name, s.not)
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.run(t, onAWS{})
		})
	}
}
