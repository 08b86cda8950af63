package act

// Info tells people about one act.
type Info struct {
	Name        string
	Short, Long Text
}

// Acts lists the acts in the order of a document's life.
func Acts() []Info {
	return []Info{
		{Release, Text{"Let a held document go", "Отпустить задержанный документ"}, Text{
			"The document goes with the next visit. A lifting does not overtake an arrest that is under way;\n--confirm says that its base document was carried out outside this program and will not come.",
			"Документ уйдёт при следующем посещении. Отмена не обгоняет арест, который ещё в пути;\n--confirm означает: основной документ исполнен вне этой программы и не придёт.",
		}},
		{Reject, Text{"Refuse a document that was not sealed yet; the office is told", "Отклонить документ, который ещё не запечатан; АИС получит уведомление"}, Text{}},
		{Cancel, Text{"Withdraw a document; the office is told", "Отменить документ; АИС получит уведомление"}, Text{
			"--confirm, needed in state Suspect, says that the bank has said that it does not have the document or will not act on it.",
			"--confirm, нужный в состоянии Suspect, означает: банк сообщил, что документа у него нет или что он не будет исполнен.",
		}},
		{Resend, Text{"Send the same bytes once more, under the same number", "Отправить те же байты ещё раз, под тем же номером"}, Text{
			"Without --confirm only where that provably cannot double the document (delivery.mode posix-rename: the same\nrename again). --confirm says that the bank has said that it does not have the document.",
			"Без --confirm только там, где документ заведомо не удвоится (delivery.mode posix-rename: то же переименование\nещё раз). --confirm означает: банк сообщил, что документа у него нет.",
		}},
		{Resolve, Text{"Say what became of a document in doubt", "Сказать, что стало с документом, исход которого неизвестен"}, Text{
			"--as look: the next visit looks at the bank's folder again. --as delivered, closed or rejected, with --confirm:\nthe bank has said so.",
			"--as look: следующее посещение ещё раз посмотрит папку банка. --as delivered, closed или rejected, вместе с\n--confirm: так сообщил банк.",
		}},
	}
}
