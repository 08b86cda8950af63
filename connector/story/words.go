package story

// Word is one of the journal's words, which programs compare and so are English, in the
// language of the reader: kinds of document, states, outcomes, verdicts, acts and what proved
// a delivery. A word that is not known stays as it is.
func Word(word, lang string) string {
	if lang != "ru" {
		return word
	}
	if text := russian(word); text != "" {
		return text
	}
	return word
}

func russian(word string) string {
	switch word {
	case "order":
		return "постановление"
	case "query":
		return "запрос"
	case "report":
		return "уведомление об исполнении"
	case "answer":
		return "ответ"
	case "receipt":
		return "квитанция"
	case "matched":
		return "принят"
	case "duplicate":
		return "повтор"
	case "conflict":
		return "тот же ключ с другим содержанием"
	case "orphan":
		return "не к чему отнести"
	case "quarantined":
		return "отложен"
	case "incomplete":
		return "не дописан"
	case "misdirected":
		return "чужой"
	}
	return decided(word)
}

// decided are verdicts and acts.
func decided(word string) string {
	switch word {
	case "valid":
		return "верна"
	case "invalid":
		return "неверна"
	case "unknown-signer":
		return "не того подписавшего"
	case "expired":
		return "с истёкшим сертификатом"
	case "revoked":
		return "с отозванным сертификатом"
	case "unchecked":
		return "не проверена"
	case "release":
		return "отпустить"
	case "reject":
		return "отклонить"
	case "cancel":
		return "отменить"
	case "resend":
		return "отправить ещё раз"
	case "resolve":
		return "разрешить сомнение"
	case "dispute":
		return "расхождение с реестром банка"
	case "folders":
		return "папки банка"
	case "look":
		return "посмотреть папку банка"
	case "delivered":
		return "доставлен"
	case "closed":
		return "закрыт"
	case "rejected":
		return "отклонён"
	}
	return proven(word)
}

// proven are proofs of delivery.
func proven(word string) string {
	switch word {
	case "ok":
		return "переименован"
	case "final seen":
		return "найден под конечным именем"
	case "both seen":
		return "найдены оба имени"
	case "inferred":
		return "выведено из увиденного"
	case "only temp seen":
		return "найден под временным именем"
	case "other size seen":
		return "найден с другим размером"
	case "not to be seen":
		return "папка банка не видна"
	case "renamed":
		return "переименован"
	case "a person says so":
		return "со слов человека"
	}
	return settled(word)
}

// settled are the states of a document.
func settled(word string) string {
	switch word {
	case "Accepted":
		return "принят"
	case "Held":
		return "задержан"
	case "Sealed":
		return "запечатан"
	case "Sending":
		return "отправляется"
	case "Ambiguous":
		return "исход неизвестен"
	case "Delivered":
		return "доставлен"
	case "Confirmed":
		return "подтверждён банком"
	case "Answered":
		return "получен ответ"
	case "Closed":
		return "закрыт"
	case "Suspect":
		return "решает человек"
	case "Refused":
		return "не отправлен"
	case "Rejected":
		return "отклонён банком"
	case "Cancelled":
		return "отменён"
	}
	return ""
}
