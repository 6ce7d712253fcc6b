"""How the report's numbers are made, for a reader who is no statistician."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from relance.uplift.revenue import MIN_BUYERS
from relance.uplift.verdict import MIN_MATURE, MIN_RETAINED
from relance.uplift.wording import Locale


class Note(NamedTuple):
    """A point of the method: its heading and what is behind it."""

    title: str
    text: str


METHOD: Mapping[Locale, tuple[Note, ...]] = {
    "en": (
        Note(
            "What was randomised.",
            "Whoever meets a trigger’s condition and passes every gate (address, consent, limits) "
            "is drawn, once and for good, into one of two groups: written to, or held out. Only "
            "chance separates them, so a difference between them is the message’s doing. The "
            "first entry of each customer counts.",
        ),
        Note(
            "Everybody stays in their group.",
            "A customer whose message bounced or came late still counts as written to. Dropping "
            "them would compare people who differ in more than the message. What is measured is "
            "therefore the effect of having the trigger, not of reading the message.",
        ),
        Note(
            "Only closed windows count.",
            "Retained means reaching the trigger’s goal within its window after entering. Someone "
            "who entered yesterday has not had the time, and is left out until the window closes. "
            "The curves use open windows too (Kaplan and Meier), and say so: preliminary.",
        ),
        Note(
            "The 95 % interval.",
            "It is Newcombe’s: made this way over and over, such intervals contain the true "
            "difference 95 times in 100. It says both what to hope for and what to fear. It makes "
            "no claim about one bar alone, and it is not the chance that the message works.",
        ),
        Note(
            "Looking early is allowed.",
            "A fifth of the permitted error is spent while a trigger runs, on a stricter interval "
            "that holds at every look together; four fifths at the planned read-out. A trigger "
            "is called better or worse only where that rule and the interval agree. An alarm "
            "for harm watches from the first customer on.",
        ),
        Note(
            "Many triggers are read together.",
            "Of twenty triggers without effect, one would look clear by chance. The verdicts allow "
            "for how many are compared (Benjamini and Hochberg). Triggers are not ranked by their "
            "difference: the largest is mostly the luckiest.",
        ),
        Note(
            "Revenue is judged with care.",
            "A few large orders decide it, and a small holdout tends to miss them. The test draws "
            "the groups again and again (a permutation); the interval counts each customer up to "
            f"a declared amount. Below {MIN_BUYERS} buyers among those held out there is no "
            "number.",
        ),
        Note(
            "Sometimes there is no verdict, on purpose.",
            f"Below {MIN_MATURE} closed windows or {MIN_RETAINED} retained customers in either "
            "group the numbers are shown but not judged (hollow mark, dashed bar). When the sizes "
            "of the groups do not fit the draw (p < 0.001), something is broken and no effect is "
            "shown at all.",
        ),
        Note(
            "What is not claimed.",
            "Not for which customers a message works; not that the effect lasts beyond the last "
            "day shown; not what a trigger would do without the others, which write to both "
            "groups alike; and effects of several triggers do not add up. “No detectable effect” "
            "is not “no effect”: it is less than these groups can show.",
        ),
    ),
    "fr": (
        Note(
            "Ce qui est tiré au sort.",
            "Quiconque remplit la condition d’un déclencheur et passe toutes les étapes (adresse, "
            "consentement, limites) est placé par tirage, une fois pour toutes, parmi les "
            "contactés ou les témoins. Seul le hasard les sépare : un écart entre eux vient du "
            "message. La première entrée de chaque client compte.",
        ),
        Note(
            "Chacun reste dans son groupe.",
            "Un client dont le message n’est pas arrivé, ou trop tard, compte toujours parmi les "
            "contactés. L’écarter reviendrait à comparer des gens qui diffèrent par plus que le "
            "message. On mesure donc l’effet d’avoir le déclencheur, non de lire le message.",
        ),
        Note(
            "Seules les fenêtres closes comptent.",
            "Retenu veut dire : a atteint l’objectif dans la fenêtre qui suit son entrée. Qui est "
            "entré hier n’en a pas eu le temps et n’est compté qu’une fois la fenêtre close. Les "
            "courbes utilisent aussi les fenêtres ouvertes (Kaplan et Meier) et disent quand "
            "elles sont provisoires.",
        ),
        Note(
            "L’intervalle à 95 %.",
            "C’est celui de Newcombe : construits ainsi encore et encore, de tels intervalles "
            "contiennent le vrai écart 95 fois sur 100. Il dit ce qu’on peut espérer et ce qu’on "
            "peut craindre. Il ne dit rien d’une barre seule, et n’est pas la probabilité que le "
            "message marche.",
        ),
        Note(
            "Regarder tôt est permis.",
            "Un cinquième de l’erreur admise est dépensé pendant que le déclencheur tourne, sur un "
            "intervalle plus strict, valable à toutes les lectures ensemble ; quatre cinquièmes à "
            "la lecture prévue. Un déclencheur n’est dit meilleur ou moins bon que si cette règle "
            "et l’intervalle s’accordent. Une alerte guette les dégâts dès le premier client.",
        ),
        Note(
            "Plusieurs déclencheurs sont lus ensemble.",
            "Sur vingt déclencheurs sans effet, un paraîtrait net par hasard. Les verdicts "
            "tiennent compte du nombre de comparaisons (Benjamini et Hochberg). Les déclencheurs "
            "ne sont pas classés par leur écart : le plus grand est surtout le plus chanceux.",
        ),
        Note(
            "Le chiffre d’affaires est jugé avec soin.",
            "Quelques grosses commandes en décident, et un petit groupe témoin les manque souvent. "
            "Le test refait le tirage encore et encore (une permutation) ; l’intervalle compte "
            f"chaque client jusqu’à un montant déclaré. Sous {MIN_BUYERS} acheteurs parmi les "
            "témoins, il n’y a pas de nombre.",
        ),
        Note(
            "Parfois il n’y a pas de verdict, et c’est voulu.",
            f"Sous {MIN_MATURE} fenêtres closes ou {MIN_RETAINED} clients retenus dans l’un des "
            "groupes, les nombres sont montrés sans être jugés (marque creuse, barre en tirets). "
            "Si la taille des groupes ne correspond pas au tirage (p < 0,001), quelque chose est "
            "cassé et aucun effet n’est montré.",
        ),
        Note(
            "Ce qui n’est pas affirmé.",
            "Ni pour quels clients un message marche ; ni que l’effet dure au-delà du dernier jour "
            "montré ; ni ce que ferait un déclencheur sans les autres, qui écrivent aux deux "
            "groupes de la même façon ; et les effets de plusieurs déclencheurs ne s’additionnent "
            "pas. « Pas d’effet décelable » n’est pas « aucun effet » : c’est moins que ce que ces "
            "groupes peuvent montrer.",
        ),
    ),
}
