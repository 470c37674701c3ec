"""The read model: disposable tables filled from chain events and the payload store, and the queries over them."""
