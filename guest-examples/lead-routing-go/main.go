// Scores a lead and routes it to a queue with a time to call back.
//
// Two tasks of the lead-to-order workflow share the rule: ScoreLead sets the
// score, RouteLead the score and the queue. A lead that a person has already
// taken keeps its owner.
package main

import (
	"strings"

	"ameide.dev/extension"
	"ameide.dev/extension/json"
	"ameide.dev/extension/log"
	"ameide.dev/extension/processhook"
)

// Lead holds the workflow's variables that the rule reads.
type Lead struct {
	Email   string `json:"leadEmail"`
	Country string `json:"leadCountry"`
	// Source is referral, event, web, or something that gives no points.
	Source    string `json:"leadSource,omitempty"`
	Employees uint32 `json:"leadEmployees,omitempty"`
	// Budget is in whole euros a year; zero where the lead named none.
	Budget  uint64 `json:"leadBudget,omitempty"`
	Message string `json:"leadMessage,omitempty"`
	// Owner is who has taken the lead by hand.
	Owner *string `json:"leadOwner"`
}

// Decision holds the variables to set. An absent one stays as it is, null clears it.
type Decision struct {
	Score         uint32 `json:"leadScore"`
	Grade         string `json:"leadGrade"`
	Reasons       string `json:"leadReasons"`
	Queue         string `json:"leadQueue,omitempty"`
	CallbackHours uint32 `json:"leadCallbackHours,omitempty"`
	// Escalation of an earlier round is over once the lead is routed.
	Escalation json.Raw `json:"leadEscalation,omitempty"`
}

func init() { processhook.Handle(run) }

func run(ctx extension.Context, lead Lead) (Decision, error) {
	name, domain := splitAddress(lead.Email)
	if name == "" || !strings.Contains(domain, ".") {
		return Decision{}, extension.Rejected("`", lead.Email, "` is no e-mail address; nobody could be called back.")
	}
	if len(lead.Country) != 2 {
		return Decision{}, extension.InvalidInput("leadCountry is a code of two letters: DE")
	}
	score := scoreOf(&lead, domain)
	log.Info("lead from ", domain, ": ", score.points, " points")
	switch task := ctx.Point(); task {
	case "ScoreLead":
		return score.decision(), nil
	case "RouteLead":
		return route(&lead, score), nil
	default:
		return Decision{}, extension.InvalidInput("no rule for task `", task, "`; this extension knows ScoreLead and RouteLead")
	}
}

func splitAddress(address string) (name, domain string) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return "", ""
	}
	return address[:at], address[at+1:]
}

// score is points with the reasons for them.
type score struct {
	points  uint32
	reasons []string
}

func scoreOf(lead *Lead, domain string) score {
	var score score
	switch {
	case lead.Employees >= 1_000:
		score.add(35, "large company")
	case lead.Employees >= 100:
		score.add(25, "mid-size company")
	case lead.Employees >= 10:
		score.add(10, "small company")
	}
	switch {
	case lead.Budget >= 100_000:
		score.add(30, "budget from 100k")
	case lead.Budget >= 20_000:
		score.add(20, "budget from 20k")
	}
	switch lead.Source {
	case "referral":
		score.add(20, "referral")
	case "event":
		score.add(10, "met at an event")
	}
	if isUrgent(lead.Message) {
		score.add(15, "urgent")
	}
	if isPrivate(domain) {
		score.points -= min(score.points, 20)
		score.reasons = append(score.reasons, "private address")
	}
	return score
}

func (s *score) add(points uint32, reason string) {
	s.points += points
	s.reasons = append(s.reasons, reason)
}

func (s *score) grade() string {
	switch {
	case s.points >= 70:
		return "A"
	case s.points >= 40:
		return "B"
	case s.points >= 15:
		return "C"
	default:
		return "D"
	}
}

func (s *score) decision() Decision {
	return Decision{Score: s.points, Grade: s.grade(), Reasons: strings.Join(s.reasons, ", ")}
}

func route(lead *Lead, score score) Decision {
	decision := score.decision()
	decision.Escalation = json.Raw("null")
	region := region(lead.Country)
	switch grade := decision.Grade; {
	case lead.Owner != nil:
		decision.Queue, decision.CallbackHours = "owner-"+*lead.Owner, 8
	case grade == "A":
		decision.Queue, decision.CallbackHours = "enterprise-"+region, 2
	case grade == "B":
		decision.Queue, decision.CallbackHours = "sales-"+region, 8
	case grade == "C":
		decision.Queue, decision.CallbackHours = "inside-sales-"+region, 24
	default:
		decision.Queue, decision.CallbackHours = "nurture", 72
	}
	return decision
}

func region(country string) string {
	switch strings.ToUpper(country) {
	case "DE", "AT", "CH":
		return "dach"
	case "FR", "BE", "LU", "NL":
		return "west"
	case "ES", "IT", "PT", "GR":
		return "south"
	case "SE", "DK", "NO", "FI":
		return "nordics"
	case "US", "CA", "MX":
		return "americas"
	default:
		return "international"
	}
}

func isUrgent(message string) bool {
	message = strings.ToLower(message)
	for _, word := range [...]string{"urgent", "asap", "this week", "dringend"} {
		if strings.Contains(message, word) {
			return true
		}
	}
	return false
}

func isPrivate(domain string) bool {
	switch domain {
	case "gmail.com", "gmx.de", "outlook.com", "yahoo.com", "web.de":
		return true
	}
	return false
}

func main() {}
