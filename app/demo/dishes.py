"""Four weeks of dishes, with what Swiss law makes a kitchen declare."""

from typing import Final, NamedTuple

from app.vocabulary import Allergen


class Dish(NamedTuple):
    """A menu of one day as one meal type."""

    starter: str
    main: str
    side: str
    dessert: str
    allergens: tuple[Allergen, ...]
    meat_origin: str = ""
    fish_origin: str = ""


CELERY: Final = Allergen.CELERY
EGGS: Final = Allergen.EGGS
FISH: Final = Allergen.FISH
GLUTEN: Final = Allergen.GLUTEN
MILK: Final = Allergen.MILK
MUSTARD: Final = Allergen.MUSTARD
SESAME: Final = Allergen.SESAME
SOY: Final = Allergen.SOY
_MILK_AND_WHEAT: Final = (MILK, GLUTEN)
NORMAL: Final = (
    Dish("Salade verte", "Émincé de poulet", "Riz et carottes", "Pomme", (MUSTARD,), "Suisse"),
    Dish("Potage de légumes", "Spaghetti bolognaise", "Parmesan", "Compote de poires",
         (*_MILK_AND_WHEAT, CELERY), "Suisse"),
    Dish("Carottes râpées", "Saucisse de veau", "Pommes rissolées", "Yogourt", (MILK,),
         "Suisse"),
    Dish("Salade de concombre", "Boulettes de bœuf", "Semoule et ratatouille", "Raisin",
         (GLUTEN, EGGS), "Suisse"),
    Dish("Salade mêlée", "Filet de colin pané", "Pommes vapeur et épinards", "Flan au caramel",
         (FISH, EGGS, *_MILK_AND_WHEAT), fish_origin="Atlantique Nord-Est"),
    Dish("Velouté de courge", "Rôti de porc", "Gratin dauphinois", "Kiwi", (MILK, MUSTARD),
         "Suisse"),
    Dish("Betteraves", "Lasagnes au bœuf", "Salade verte", "Clémentine",
         (*_MILK_AND_WHEAT, CELERY), "Suisse"),
    Dish("Salade de chou", "Curry de dinde", "Riz basmati et petits pois", "Crème vanille",
         (MILK,), "France"),
    Dish("Céleri rémoulade", "Hachis parmentier", "Salade de doucette", "Poire",
         (CELERY, EGGS, MILK, MUSTARD), "Suisse"),
    Dish("Salade de tomates", "Filet de truite", "Pommes vapeur et brocoli", "Cake au citron",
         (FISH, EGGS, *_MILK_AND_WHEAT), fish_origin="Suisse"),
)  # fmt: skip
VEGETARIAN: Final = (
    Dish("Salade verte", "Émincé végétal au paprika", "Riz et carottes", "Pomme",
         (SOY, MUSTARD)),
    Dish("Potage de légumes", "Spaghetti aux lentilles", "Parmesan", "Compote de poires",
         (*_MILK_AND_WHEAT, CELERY)),
    Dish("Carottes râpées", "Galette de légumes", "Pommes rissolées", "Yogourt",
         (MILK, EGGS)),
    Dish("Salade de concombre", "Falafels", "Semoule et ratatouille", "Raisin",
         (GLUTEN, SESAME)),
    Dish("Salade mêlée", "Omelette au fromage", "Pommes vapeur et épinards", "Flan au caramel",
         (EGGS, MILK)),
    Dish("Velouté de courge", "Tofu mariné", "Gratin dauphinois", "Kiwi", (MILK, SOY)),
    Dish("Betteraves", "Lasagnes aux légumes", "Salade verte", "Clémentine", _MILK_AND_WHEAT),
    Dish("Salade de chou", "Curry de pois chiches", "Riz basmati et petits pois", "Crème vanille",
         (MILK,)),
    Dish("Céleri rémoulade", "Parmentier de lentilles", "Salade de doucette", "Poire",
         (CELERY, EGGS, MILK, MUSTARD)),
    Dish("Salade de tomates", "Quiche aux poireaux", "Pommes vapeur et brocoli",
         "Cake au citron", (EGGS, *_MILK_AND_WHEAT)),
)  # fmt: skip
# The kitchen's library: name, allergens, origin of the meat and of the fish.
LIBRARY: Final = (
    ("Émincé de poulet", (), "Suisse", ""),
    ("Spaghetti bolognaise", (GLUTEN, CELERY), "Suisse", ""),
    ("Saucisse de veau", (MILK,), "Suisse", ""),
    ("Boulettes de bœuf", (GLUTEN, EGGS), "Suisse", ""),
    ("Filet de colin pané", (GLUTEN, EGGS, FISH), "", "Atlantique Nord-Est"),
    ("Rôti de porc", (MUSTARD,), "Suisse", ""),
    ("Lasagnes au bœuf", (GLUTEN, MILK, CELERY), "Suisse", ""),
    ("Curry de dinde", (), "France", ""),
    ("Hachis parmentier", (MILK,), "Suisse", ""),
    ("Filet de truite", (FISH,), "", "Suisse"),
    ("Falafels", (GLUTEN, SESAME), "", ""),
    ("Omelette au fromage", (EGGS, MILK), "", ""),
    ("Tofu mariné", (SOY,), "", ""),
    ("Quiche aux poireaux", (GLUTEN, EGGS, MILK), "", ""),
    ("Céleri rémoulade", (EGGS, CELERY, MUSTARD), "", ""),
    ("Gratin dauphinois", (MILK,), "", ""),
    ("Parmesan", (MILK,), "", ""),
    ("Yogourt", (MILK,), "", ""),
    ("Flan au caramel", (EGGS, MILK), "", ""),
    ("Cake au citron", (GLUTEN, EGGS, MILK), "", ""),
)
