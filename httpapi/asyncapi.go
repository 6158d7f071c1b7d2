package httpapi

import (
	"github.com/danielgtaylor/huma/v2"

	"parley/protocol"
)

type node = map[string]any

// asyncAPI describes the socket as an AsyncAPI 3.0 document.
func asyncAPI(version string) node {
	schemas := newRegistry()
	messages, inChannel, operations := node{}, node{}, node{}
	channel := ref("channels/socket")
	add := func(name, about string, payload *huma.Schema) {
		messages[name] = node{"name": name, "summary": about, "contentType": "application/json", "payload": payload}
		inChannel[name] = ref("components/messages/" + name)
	}
	for _, f := range frames() {
		add(f.name, f.about, f.schema(schemas))
		operations["send_"+f.name] = node{"action": "send", "channel": channel, "summary": f.about, "messages": []node{ref("channels/socket/messages/" + f.name)}}
	}
	for _, a := range actions() {
		name := "request_" + string(a.name)
		add(name, a.about, a.schema(schemas))
		op := node{"action": "receive", "channel": channel, "summary": a.about, "messages": []node{ref("channels/socket/messages/" + name)}}
		if a.answer != "" {
			op["reply"] = node{"channel": channel, "messages": []node{ref("channels/socket/messages/" + a.answer), ref("channels/socket/messages/error")}}
		}
		operations["receive_"+string(a.name)] = op
	}
	tidy(schemas.Map())
	return node{
		"asyncapi": "3.0.0",
		"info": node{
			"title": "Parley", "version": version,
			"description": "The socket of Parley. Text frames of at most 32 KiB, both ways; each is one compact JSON object. Seen from the server: " +
				"it receives actions and sends frames. Members that you do not know are to be ignored.",
		},
		"defaultContentType": "application/json",
		"servers": node{"this": node{
			"host": "{host}", "protocol": "wss", "description": "The server that has this document; ws where it is reached by plain HTTP.",
			"variables": node{"host": node{"description": "Where the server is reached."}},
			"security":  []node{ref("components/securitySchemes/ticket"), ref("components/securitySchemes/bearer")},
		}},
		"channels": node{"socket": node{
			"address": "/ws", "messages": inChannel, "description": "One connection of one person, subscribed to all their rooms.",
			"bindings": node{"ws": node{"method": "GET", "query": node{"type": "object", "properties": node{
				"ticket": node{"type": "string", "description": "From POST /api/v1/ws-tickets; single use."},
			}}}},
			"x-subprotocol": protocol.Subprotocol, "x-max-frame-bytes": protocol.MaxFrame, "x-close-codes": closeTable(),
		}},
		"operations": operations,
		"components": node{"messages": messages, "schemas": schemas.Map(), "securitySchemes": node{
			"ticket": node{"type": "httpApiKey", "name": "ticket", "in": "query"},
			"bearer": node{"type": "http", "scheme": "bearer", "description": "An access token, for programs."},
		}},
	}
}

func closeTable() []node {
	var table []node
	for _, c := range closeCodes() {
		table = append(table, node{"code": int(c), "reason": c.Reason()})
	}
	return table
}

func ref(to string) node { return node{"$ref": "#/" + to} }
